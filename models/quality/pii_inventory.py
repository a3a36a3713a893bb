from precision_marketing.privacy.inventory import INVENTORY_SCHEMA, compiled_manifest, inventory


def model(dbt, session):
    register = [row.asDict() for row in dbt.ref("pii_register").collect()]
    return session.createDataFrame(inventory(compiled_manifest(), register), INVENTORY_SCHEMA)
