from precision_marketing.warehouse import contacts


def model(dbt, session):
    return contacts.answers(dbt.ref("int_contact_answers"))
