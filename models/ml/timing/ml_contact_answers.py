from precision_marketing.warehouse import churn


def model(dbt, session):
    return churn.contact_answers(dbt.ref("int_contact_answers"))
