from precision_marketing import recommendations, registry, segmentation, suggestions


def model(dbt, session):
    recommender = registry.champion(dbt.ref("ml_recommendation_model"))
    neighbours = suggestions.similarities(recommender, int(dbt.config.get("recommendations")))
    return segmentation.to_spark(session, neighbours, recommendations.SIMILARITY_SCHEMA)
