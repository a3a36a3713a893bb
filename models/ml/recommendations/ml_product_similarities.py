from precision_marketing.models.recommendations import SIMILARITY_SCHEMA
from precision_marketing.warehouse import recommendations, registry
from precision_marketing.warehouse.frames import to_spark


def model(dbt, session):
    recommender = registry.champion(dbt.ref("ml_recommendation_model"))
    neighbours = recommendations.similarities(recommender, int(dbt.config.get("recommendations")))
    return to_spark(session, neighbours, SIMILARITY_SCHEMA)
