"""The report escapes what people wrote, and its plots follow the page's colours."""

from training.reports import plots
from training.reports.report import example, page, table, tiles

ROWS = [
    {"update": i, "objective/scores": i * 0.3, "heldout/score": i * 0.1, "objective/kl": i * 1.0,
     "response/length": 40.0 - i, "response/eos_share": 0.5 + i / 10}
    for i in range(4)
]  # fmt: skip
EVIL = "<script>alert('x')</script>"


def test_what_people_wrote_is_text() -> None:
    html = page(EVIL, EVIL, tiles([(EVIL, EVIL)]), [(EVIL, table([EVIL], [[EVIL]]))], EVIL)
    assert "<script>" not in html
    assert "<script>" not in example(EVIL, "", "")


def test_a_page_loads_nothing_from_elsewhere() -> None:
    html = page("t", "s", "", [("PPO", plots.scores(ROWS, kept=2))], "f")
    assert "src=" not in html
    assert "<link" not in html
    assert "default-src 'none'" in html


def test_plots_take_the_text_colour_of_the_page() -> None:
    for svg in (plots.scores(ROWS, 1), plots.lengths(ROWS, 1)):
        assert svg.startswith("<svg")
        assert "currentColor" in svg


def test_the_same_rows_draw_the_same_plot() -> None:
    assert plots.scores(ROWS, 1) == plots.scores(ROWS, 1)


def test_plots_can_be_drawn_of_hardly_anything() -> None:
    assert plots.scores(ROWS[:1], 0)
    assert plots.distributions("Scores", ("one", []), ("two", []))
    assert plots.reward_model({"by chance": 0.5}, [], [])
    assert plots.losses([{"epoch": 0.0, "loss/validation": 2.0}])
