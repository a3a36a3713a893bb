from precision_marketing.models import segmentation
from precision_marketing.warehouse.segmentation import score_customers


def model(dbt, session):
    dbt.ref("gate_customer")
    centroids = dbt.ref("ml_segment_centroids").toPandas()
    segmenter = segmentation.KMeansSegmenter.from_centroid_table(centroids)
    return score_customers(dbt.ref("customer_rfm"), segmenter)
