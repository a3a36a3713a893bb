from precision_marketing.models import segmentation
from precision_marketing.warehouse.frames import to_spark
from precision_marketing.warehouse.segmentation import buyer_sample


def model(dbt, session):
    dbt.ref("gate_customer")
    segment_count = segmentation.parse_segment_count(dbt.config.get("segment_count"))
    sample = buyer_sample(dbt.ref("customer_rfm"))
    selection = segmentation.select_k(sample, segment_count=segment_count)
    return to_spark(session, selection, segmentation.SELECTION_SCHEMA)
