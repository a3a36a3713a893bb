from precision_marketing.models import segmentation
from precision_marketing.warehouse.frames import to_spark
from precision_marketing.warehouse.segmentation import segment_moments


def model(dbt, session):
    moments = segment_moments(dbt.ref("ml_customer_segments"))
    validation = segmentation.validate_segments(moments)
    return to_spark(session, validation, segmentation.VALIDATION_SCHEMA)
