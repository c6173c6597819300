"""What a worker does between iterations: experiments, canaries, schedule, disk space, webhook."""

import logging
import secrets
import threading
import time

from tutelage.composition import Core
from tutelage.errors import Conflict, Invalid, TutelageError
from tutelage.experiments import experiments, outcomes
from tutelage.installation import saved_settings
from tutelage.iterations import schedule
from tutelage.labeling import rungs
from tutelage.maintenance import mail, retention, webhook
from tutelage.maintenance.election import leads

logger = logging.getLogger(__name__)

WORK = "maintenance"
LOOK_SECONDS = 5.0  # between two rounds
MAIL_SECONDS = 600.0  # between two looks for e-mails that are due
BACK_OFF = 600.0  # after a rejected request, most often for too little feedback


class Maintenance:
    """One round each time it is called, at most every ``look`` seconds, by one of all workers."""

    def __init__(self, core: Core, look: float = LOOK_SECONDS, send: webhook.Post = webhook.post):
        self._core, self._look, self._send = core, look, send
        self._process = secrets.token_hex(8)
        self._next = 0.0  # monotonic
        self._seen = time.time()
        self._rejected_until: dict[str, float] = {}  # by key: monotonic time
        self._swept: str | None = None
        self._mailing = threading.Thread()
        self._mail_at = 0.0  # monotonic
        self._ordered: tuple[str, str] | None = None  # by which iteration, up to which task

    def __call__(self) -> None:
        if time.monotonic() < self._next:
            return
        self._next = time.monotonic() + self._look
        if not leads(self._core.store, WORK, self._process):
            return
        saved_settings.apply(self._core.settings, self._core.store)
        self.judge_shadows()
        self.decide_experiments()
        self.start_canary()
        self.start_iteration()
        self.order_labeling()
        self.compare_rungs()
        self.sweep()
        self.tell()
        self.send_mail()

    def judge_shadows(self) -> None:
        """Score the shadow responses since the last round."""
        with self._core.store.read() as session:
            running = experiments.all_running(session)
            waiting = [each for each in running if outcomes.unjudged_shadows(session, each.id)]
        for experiment in waiting:
            from training.jobs.score_shadows import judge_shadows  # torch only when there is work

            judge_shadows(self._core, experiment)

    def decide_experiments(self) -> None:
        """Act on the trials under way where their rules say so."""
        with self._core.store.read() as session:  # users must be able to write meanwhile
            running = experiments.all_running(session)
            found = {each.id: experiments.measured(session, each) for each in running}
        for experiment in running:
            with self._core.store.write() as session:
                ended = experiments.judge(session, experiment.id, found[experiment.id])
            if ended.ended_at:
                logger.info("%s is %s: %s", ended.id, ended.state, " ".join(ended.reasons))

    def start_canary(self) -> None:
        """Start canaries with candidates that passed the gate: everyone's, and teams'."""
        for team_id in self._scheduled():
            with self._core.store.write() as session:
                started = schedule.start_canary(session, team_id)
            if started:
                logger.info("Canary %s started.", started)

    def start_iteration(self) -> None:
        """Request the iterations that are due; a rejected request is retried after a while."""
        now, seen, self._seen = time.time(), self._seen, time.time()
        for team_id in self._scheduled():
            with self._core.store.read() as session:
                key = schedule.due(session, now, seen, team_id)
                plan = schedule.in_force(session, team_id)
            if key and plan and self._rejected_until.get(key, 0.0) <= time.monotonic():
                self._request(key, plan.preset, team_id)

    def _request(self, key: str, preset: str, team_id: str | None) -> None:
        from training.iteration.run import request_iteration  # torch only when there is work

        try:
            actor = f"{schedule.ACTOR} {key}"
            iteration = request_iteration(self._core, preset, actor, team_id)
            logger.info("%s is due (%s).", iteration.id, key)
        except (Invalid, Conflict) as error:
            logger.info("No iteration started: %s", error)
        now = time.monotonic()
        waiting = {each: until for each, until in self._rejected_until.items() if until > now}
        self._rejected_until = waiting | {key: now + BACK_OFF}

    def _scheduled(self) -> list[str | None]:
        """Whose schedules there may be: everyone's, and teams'."""
        with self._core.store.read() as session:
            return [None, *schedule.teams(session)]

    def order_labeling(self) -> None:
        """Order the labeling queue by active learning; again with each new reward model."""
        if self._core.settings.labeling_order != "uncertainty":
            return
        from training.jobs.active_learning import (  # torch, where it is used
            newest_ensemble,
            order_tasks,
        )

        newest = newest_ensemble(self._core)
        if newest is None:
            return
        done = self._ordered[1] if self._ordered and self._ordered[0] == newest.id else ""
        last = order_tasks(self._core, newest, done)
        if last:
            self._ordered = newest.id, last

    def compare_rungs(self) -> None:
        """Write the responses of a comparison of rungs that an operator asked for."""
        with self._core.store.read() as session:
            waits = rungs.waiting(session)
        if waits is None:
            return
        from moderation.classifiers.factory import open_classifier
        from training.evaluation.evaluate import flagged_by  # torch, where it is used
        from training.jobs.rungs import compare_rungs

        try:
            flag = flagged_by(open_classifier(self._core.settings))
            waits.tasks = compare_rungs(
                self._core, waits.iteration_id, waits.rungs, waits.prompts, waits.overlap, flag
            )
        except TutelageError as error:
            waits.problem = error.message
        with self._core.store.write() as session:
            session.merge(waits)

    def sweep(self) -> None:
        """Free disk space after each published policy."""
        newest = (self._core.library.ids() or [""])[-1]
        with self._core.store.read() as session:
            plan = schedule.in_force(session)
        if plan and newest != self._swept:
            retention.sweep(self._core, plan.keep)
            self._swept = newest

    def tell(self) -> None:
        """Send new events to the webhook."""
        settings = self._core.settings
        if settings.webhook_url:
            secret = settings.webhook_secret.get_secret_value()
            webhook.tell(self._core.store, settings.webhook_url, secret, self._send)

    def send_mail(self) -> None:
        """Send the digests that are due, in a thread: a mail server can be slow."""
        settings = self._core.settings
        now = time.monotonic()
        if not settings.smtp_url or now < self._mail_at or self._mailing.is_alive():
            return
        self._mail_at = now + MAIL_SECONDS
        work = (self._core.store, settings.public_url, mail.sender(settings))
        self._mailing = threading.Thread(target=mail.send_digests, args=work, daemon=True)
        self._mailing.start()
