from precision_marketing import segmentation


def model(dbt, session):
    moments = segmentation.segment_moments(dbt.ref("ml_customer_segments"))
    validation = segmentation.validate_segments(moments)
    return segmentation.to_spark(session, validation, segmentation.VALIDATION_SCHEMA)
