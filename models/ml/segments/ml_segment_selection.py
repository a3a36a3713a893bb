from precision_marketing import segmentation


def model(dbt, session):
    dbt.ref("gate_customer")
    segment_count = segmentation.parse_segment_count(dbt.config.get("segment_count"))
    sample = segmentation.buyer_sample(dbt.ref("customer_rfm"))
    selection = segmentation.select_k(sample, segment_count=segment_count)
    return segmentation.to_spark(session, selection, segmentation.SELECTION_SCHEMA)
