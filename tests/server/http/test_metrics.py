"""What Prometheus reads."""

from typing import Any

from chat_service import ChatService, new_services, serve

from server.generators.echo import EchoGenerator
from server.generators.generator import Occupancy
from tutelage.composition import Core


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
        'tutelage_follower_success_timestamp_seconds{follower="policies"} ',
        'tutelage_follower_success_timestamp_seconds{follower="running turns"} ',
    ):
        assert line in text


def test_liveness_has_vllms_name_too(shared: ChatService) -> None:
    assert shared.client.get("/health").json() == shared.client.get("/healthz").json()


def test_an_engine_in_this_process_says_how_busy_it_is(core: Core) -> None:
    generator: Any = EchoGenerator(policy_id=None)
    generator.occupancy = Occupancy(waiting=3, running=2, cache_used=64, cache_capacity=256)
    with serve(new_services(core, generator), core) as service:
        text = service.client.get("/metrics").text
    for line in (
        'tutelage_sequences{state="waiting"} 3.0',
        'tutelage_sequences{state="running"} 2.0',
        'tutelage_kv_cache_tokens{state="used"} 64.0',
        'tutelage_kv_cache_tokens{state="capacity"} 256.0',
    ):
        assert line in text
