from precision_marketing import lineage


def model(dbt, session):
    register = [row.asDict() for row in dbt.ref("pii_register").collect()]
    return session.createDataFrame(lineage.inventory(lineage.compiled_manifest(), register), lineage.INVENTORY_SCHEMA)
