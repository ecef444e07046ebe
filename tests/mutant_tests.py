"""Which tests a fault in a module has to be caught by: the module's own. Without such a table each would meet hundreds
that happen to run the function."""

from pathlib import Path

# Which test caught a mutant of which function, a line each; in the folder that the mutants are in.
CAUGHT_BY = Path("caught-by.tsv")
# Which functions a test reaches, with the seconds it takes, a line each.
REACHED = Path("reached.tsv")

_CALL = "engine what_was_made lagging_lists lost_leases batches cancel_retry"
_STEPS = "steps_engine existing_images steps_chaos"
_COPIES = {
    "engine/adoption": "what_was_made engine lost_leases",
    "engine/ami_events": "ami_events",
    "engine/aws_removal": "what_was_made lagging_lists cancel_retry leftover_jobs lost_leases",
    "engine/backoff": "engine reasons slots",
    "engine/call_buckets": "call_buckets engine races batches slots_of_a_fleet",
    "engine/call_checks": "source_binding key_binding names approval_time batches",
    "engine/call_outcomes": f"{_CALL} reasons",
    "engine/cancellation": "cancel_retry what_was_made lagging_lists lost_leases",
    "engine/claims": "slots slots_of_a_fleet batches engine approval_time",
    "engine/copy_call": f"{_CALL} gate approval_time restored_backup",
    "engine/drift": "drift",
    "engine/drift_traces": "drift_traces",
    "engine/dry_runs": "engine gate reasons",
    "engine/existing_images": "existing_images",
    "engine/failed_images": "what_was_made lost_leases",
    "engine/gate": "gate",
    "engine/image_outcomes": "tracking lagging_lists engine reasons lost_leases ami_events steps_engine",
    "engine/image_verification": "image_verification",
    "engine/leases": "lost_leases tracking ami_events outages what_was_made",
    "engine/leftover_jobs": "leftover_jobs what_was_made",
    "engine/leftover_scan": "leftover_jobs what_was_made",
    "engine/outside_memory": "restored_backup leftover_jobs",
    "engine/pace": "pace",
    "engine/places": "slots_of_a_fleet slots batches",
    "engine/recovery": "what_was_made engine restored_backup marks",
    "engine/shutdown": "lost_leases outages",
    "engine/slots": "slots slots_of_a_fleet reasons engine races batches",
    "engine/steps/actions": _STEPS,
    "engine/steps/alias": _STEPS,
    "engine/steps/claims": _STEPS,
    "engine/steps/images": _STEPS,
    "engine/steps/sharing": _STEPS,
    "engine/steps/template": _STEPS,
    "engine/steps/undo": _STEPS,
    "engine/steps/work": _STEPS,
    "engine/threads": "threads batches",
    "engine/tracking": "tracking lagging_lists lost_leases races engine ami_events",
    "engine/unmade_calls": f"unmade_calls {_CALL}",
    "engine/waits": "lost_leases lagging_lists reasons",
    "engine/waves": "waves batches slots engine",
    "lifecycle/transitions": "transitions lost_leases engine reasons names cancel_retry approval_decisions batches",
    "voting/voters": "approval_votes votes_of_one_hand teams power pending_votes approval_rounds lone_changes",
    "voting/votes": "approval_votes approval_rounds vote_withdrawal key_binding source_binding",
}
_OTHERS = {
    "audit/chain": "audit/test_record audit/test_chain_verification audit/test_lines audit/test_archives",
    "audit/chain_verification": "audit/test_chain_verification audit/test_archives audit/test_record",
    "aws/errors": "aws/test_errors aws/test_answers",
    "copies/engine/backoff": "test_backoff",
    "copies/engine/steps/undo": "web/test_undo",
    "web/conditional_polls": "web/test_polling web/test_poll_reach",
}


def tests_of(module: Path) -> list[str]:
    """The files whose tests are run for the faults of a module, in their order. Raises KeyError for one that the table
    doesn't know."""
    name = str(module.relative_to("amicopy").with_suffix(""))
    found = [f"copies/test_{each}" for each in _COPIES.get(name.removeprefix("copies/"), "").split()]
    found += _OTHERS.get(name, "").split()
    if not found:
        raise KeyError(name)
    return [f"tests/{each}.py" for each in found]
