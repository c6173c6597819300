"""What Prometheus reads."""

from chat_service import ChatService


def test_metrics_count(service: ChatService) -> None:
    done = service.ask("one two", n=2)
    service.post("/v1/feedback", {"kind": "thumbs", "completion_id": done["id"], "value": "up"})
    service.ask("A threatword")
    text = service.client.get("/metrics").text
    for line in (
        'tutelage_requests_total{method="POST",route="/v1/chat/completions",status="200"} 2.0',
        'tutelage_tokens_total{side="response"} 6.0',
        'tutelage_tokens_total{side="prompt"} 2.0',
        'tutelage_moderation_actions_total{action="block",side="prompt"} 1.0',
        'tutelage_feedback_total{kind="thumbs"} 1.0',
        "tutelage_first_token_seconds_count 2.0",
        "tutelage_turns_running 0.0",
        "tutelage_inter_token_seconds_count 2.0",
        "tutelage_database_connections ",
        'tutelage_stage_seconds_count{stage="resolve"} 2.0',
        'tutelage_stage_seconds_count{stage="moderation"} 2.0',
        'tutelage_stage_seconds_count{stage="store"} 5.0',  # two prompts, three responses
        'tutelage_stage_seconds_count{stage="prompt"} 2.0',
        'tutelage_stage_seconds_count{stage="hold"} 2.0',
        'tutelage_policy_loads_total{outcome="ok"} 1.0',
    ):
        assert line in text


def test_liveness_has_vllms_name_too(shared: ChatService) -> None:
    assert shared.client.get("/health").json() == shared.client.get("/healthz").json()
