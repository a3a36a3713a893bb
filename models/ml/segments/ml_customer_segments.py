from precision_marketing import segmentation


def model(dbt, session):
    dbt.ref("gate_customer")
    centroids = dbt.ref("ml_segment_centroids").toPandas()
    segmenter = segmentation.KMeansSegmenter.from_centroid_table(centroids)
    return segmentation.score_customers(dbt.ref("customer_rfm"), segmenter)
