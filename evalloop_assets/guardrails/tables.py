"""The tables that the guardrails write."""

from __future__ import annotations

from evalloop_assets.lake.schema import Column, TableSchema

GUARDRAIL_READINGS = TableSchema(
    name="guardrail_readings",
    row="the guardrail's verdict on one experiment in flight, from the results of this day",
    key=("reading_id",),
    columns=(
        Column("reading_id", "VARCHAR", "experiment and day; names the rollback that it may ask for"),
        Column("experiment_id", "VARCHAR", "the experiment"),
        Column("control", "VARCHAR", "model of the control"),
        Column("treatment", "VARCHAR", "model of the treatment"),
        Column("verdict", "VARCHAR", "PASS, HOLD, ROLLBACK or BLIND"),
        Column(
            "cause",
            "VARCHAR",
            "gaming, harm or red_flag; srm, multiple_exposure, immature or thin; no_data; NULL for PASS",
        ),
        Column("reason", "VARCHAR", "plain words with figures and limits"),
        Column("reopened", "VARCHAR", "what was done on this reading that it no longer bears out; NULL: nothing"),
        Column("duration_effect", "DOUBLE", "effect on effective reading, seconds; NULL where unknown"),
        Column("duration_low", "DOUBLE", "lower bound, at every look, with a third of the error budget"),
        Column("duration_high", "DOUBLE", "upper bound, likewise"),
        Column("retention_effect", "DOUBLE", "effect on the share of people who came back; NULL where immature"),
        Column("retention_low", "DOUBLE", "lower bound, at every look, with a third of the error budget"),
        Column("retention_high", "DOUBLE", "upper bound, likewise"),
        Column(
            "late_retention_effect", "DOUBLE", "the same from the seventh day after the assignment on; NULL where thin"
        ),
        Column("late_retention_low", "DOUBLE", "lower bound, at every look, with a third of the error budget"),
        Column("late_retention_high", "DOUBLE", "upper bound, likewise"),
        Column("matured_users", "BIGINT", "users behind the retention figure"),
        Column("srm_p", "DOUBLE", "smaller p-value of the sample ratios; NULL where no propensity was logged"),
        Column("daily_users", "BIGINT", "users of the product with a session on this day"),
        Column("evidence", "VARCHAR", "JSON: the figures that decided, limits, versions of inputs and definitions"),
        Column("is_open", "BOOLEAN", "whether the day was not complete yet, so that only red flags could fire"),
        Column(
            "as_of",
            "TIMESTAMP",
            "end of the data that it was judged on, at least the end of the day unless that is open (UTC)",
        ),
    ),
)

ALLOCATIONS = TableSchema(
    name="allocations",
    row="one experiment of the allocation in force at the end of the day, or one row without any",
    key=("day", "experiment_id"),
    columns=(
        Column("sequence", "BIGINT", "number of the ledger entry, 1, 2, 3, …"),
        Column("at", "TIMESTAMP", "when it took effect (UTC)"),
        Column("recorded_at", "TIMESTAMP", "when it was written (UTC)"),
        Column("actor", "VARCHAR", "person or part of the loop"),
        Column("action", "VARCHAR", "start, ramp, promote, rollback, undo or stop"),
        Column("reason", "VARCHAR", "plain words"),
        Column("request_id", "VARCHAR", "the request that it carried out"),
        Column("champion", "VARCHAR", "model of everybody outside the experiments"),
        Column("experiment_id", "VARCHAR", "an experiment of the state; NULL where there is none"),
        Column("control", "VARCHAR", "model of its control"),
        Column("treatment", "VARCHAR", "model of its treatment"),
        Column("status", "VARCHAR", "running, promoted, stopped or rolled_back"),
        Column("weight_percent", "DOUBLE", "share of treatment among conversations that begin now, percent"),
    ),
)

CANDIDATE_STATES = TableSchema(
    name="candidate_states",
    row="where one model stands at the end of the day",
    key=("day", "model_id"),
    columns=(
        Column("model_id", "VARCHAR", "the model"),
        Column(
            "state",
            "VARCHAR",
            "registered, ranked, eliminated, in_ab, ramping, champion, held, rolled_back or cut",
        ),
        Column("since", "TIMESTAMP", "when it came to stand so (UTC)"),
        Column("why", "VARCHAR", "plain words"),
        Column("experiment_id", "VARCHAR", "its latest experiment; NULL where it had none"),
        Column(
            "weight_percent",
            "DOUBLE",
            "percent of its experiment's conversations that get it; of the champion 100",
        ),
        Column("refused", "VARCHAR", "what was done to it that its state does not allow; NULL: nothing"),
        Column("evidence", "VARCHAR", "JSON: the reading, or the ledger entry with its evidence and how to undo it"),
    ),
)
