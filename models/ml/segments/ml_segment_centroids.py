from precision_marketing.models import segmentation
from precision_marketing.warehouse.frames import to_spark
from precision_marketing.warehouse.segmentation import buyer_sample


def model(dbt, session):
    dbt.ref("gate_customer")
    chosen = dbt.ref("ml_segment_selection").where("chosen").toPandas()["k"]
    strategies = dbt.ref("segment_strategies").toPandas()
    # No buyers: nothing was chosen, and the segmenter fits no centroid whatever the number.
    segmenter = segmentation.KMeansSegmenter(int(chosen.max()) if len(chosen) else 1, strategies)
    segmenter.fit(buyer_sample(dbt.ref("customer_rfm")))
    return to_spark(session, segmenter.centroid_table(), segmentation.CENTROID_SCHEMA)
