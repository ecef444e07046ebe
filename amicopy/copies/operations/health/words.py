"""What each finding is in words: what was seen, what it means for copies, and what to do."""

import re
from dataclasses import dataclass
from typing import Any

from amicopy.copies.operations.health.finding import Finding


@dataclass(frozen=True)
class Words:
    """Sentences about a finding; `do` and `means` are empty where there is nothing to say."""

    seen: str
    means: str = ""
    do: str = ""

    def __str__(self) -> str:
        return " ".join(filter(None, (self.seen, self.means, self.do)))


# `{name}` is a value of the finding's data, `{name:.0f}` one in a format, `{name|copy is|copies are}` the number with
# the word for one or for several.
WORDS: dict[str, Words] = {
    # the examination itself
    "no-answer": Words("No answer within {seconds} s.", "", "Something it asks hangs: the log may say more."),
    "check-failed": Words("It couldn't be looked at ({kind}).", "", "The log of this process says why."),
    "database-needed": Words("Not known: the database doesn't answer ({kind}).", "", "See to the database first."),
    # database
    "database-answers": Words("{vendor} answers, all migrations are in."),
    "database-away": Words(
        "It doesn't answer: {error}.",
        "Pages answer 503 and workers wait; copies at AWS go on, and nothing is lost.",
        "Check DATABASE_URL and the server.",
    ),
    "migrations-missing": Words(
        "{count|migration is|migrations are} missing.", "Pages and workers can fail.", "Run manage.py migrate."
    ),
    "sqlite-old": Words("SQLite {version} has a rare fault with several writers.", "", "3.51.3 mends it."),
    "connections-few": Words(
        "{used} of {most} connections are in use.",
        "When none is left, pages and workers fail until one is.",
        "Raise max_connections, or run fewer threads.",
    ),
    # a restored backup
    "restore-noticed": Words("It is no older than what this machine remembers of it."),
    "restore-unnoticed": Words(
        "This machine wouldn't notice a restored backup: {fault}.",
        "After a restore, copies could be made a second time.",
        "Make AMICOPY_VAR_DIR writable, and run manage.py after_restore after each restore.",
    ),
    "database-behind": Words(
        "The database lacks what has happened here already: it was restored from a backup.",
        "Nothing is done until that is looked at; copies at AWS go on.",
        "Run manage.py after_restore; docs/operating.md says how.",
    ),
    # prices
    "prices-known": Words("AWS was asked for them. They are of {day}."),
    "prices-shipped": Words(
        "Those that come with amicopy: the oldest are of {day}.", "", "manage.py prices asks AWS for the ones of now."
    ),
    "prices-old": Words(
        "AWS was asked for them {days} days ago.",
        "Estimates may be wrong, and new Regions have no price.",
        "Run manage.py prices.",
    ),
    # broker
    "broker-answers": Words("It answers. {count|message waits|messages wait} in it."),
    "broker-away": Words(
        "It doesn't answer ({kind}).",
        "Nothing is started or followed until it is back; copies at AWS go on.",
        "Check CELERY_BROKER_URL and the server.",
    ),
    "broker-crowded": Words(
        "{count|message waits|messages wait} in it.", "Copies start and are followed late.", "Run more workers."
    ),
    "broker-redelivers": Words(
        "Its visibility_timeout of {seconds} s is shorter than a task may take.",
        "The same work is given to two workers again and again.",
        "Lower LEASE_SECONDS.",
    ),
    "broker-evicts": Words(
        "Its maxmemory-policy is {policy}.",
        "When its memory is full it throws messages away.",
        "Set maxmemory-policy to noeviction.",
    ),
    "broker-queue-differs": Words(
        "The queue {queue} is there, but not as amicopy declares it: {error}",
        "No worker can take messages from it.",
        "Delete the queue, or choose another with CELERY_QUEUE.",
    ),
    # processes
    "messages-taken": Words("They take messages."),
    "messages-not-taken": Words(
        "None took a message within {seconds:.0f} seconds.",
        "Nothing is started or followed.",
        "Run a worker, or more of them.",
    ),
    "queue-not-read": Words(
        "None took a message of the queue {queue} within {seconds:.0f} seconds.",
        "What it is for isn't done.",
        "Run a worker that reads it: without -Q it reads all.",
    ),
    "workers-never": Words("None was ever heard.", "Nothing is started or followed.", "Run celery -A amicopy worker."),
    "workers-silent": Words(
        "None is heard; the last was on {host}.",
        "Nothing is started or followed; copies at AWS go on.",
        "Start the workers: celery -A amicopy worker.",
    ),
    "process-alive": Words("Runs on {host}, version {version}, its clock {milliseconds:.0f} ms from the database's."),
    "process-silent": Words("{host} isn't heard any more.", "", "Start it again there, unless you took it away."),
    "beat-sends": Words("It sends what is due."),
    "beat-unheard": Words(
        "It sends what is due, but no worker does it.",
        "Nothing is followed.",
        "Is it the same broker and queue? Is a worker running?",
    ),
    "beat-silent": Words(
        "It last sent something {seconds:.0f} seconds ago.",
        "Approved copies still start; nothing is looked at again.",
        "Run celery -A amicopy beat.",
    ),
    "beat-never": Words(
        "It never sent anything.",
        "Approved copies still start; nothing is looked at again.",
        "Run celery -A amicopy beat.",
    ),
    "web-here": Words("This page was made on {host}, version {version}."),
    "versions-differ": Words(
        "Processes run different versions: {versions}.",
        "That is so for moments while a new one is rolled out.",
        "Restart what was left behind.",
    ),
    # clocks
    "clocks-agree": Words("Beat, workers and database agree on the time."),
    "clock-ahead": Words(
        "{host}, which runs {runs}, is {seconds:.0f} seconds ahead of the database.",
        "Work there is done early, and taken from others.",
        "Set its clock by NTP.",
    ),
    "clock-behind": Words(
        "{host}, which runs {runs}, is {seconds:.0f} seconds behind the database.",
        "Work there is done late, and taken by others.",
        "Set its clock by NTP.",
    ),
    "clocks-apart": Words(
        "{ahead} is {seconds:.0f} seconds ahead of {behind}.",
        "One may take work from the other that is under way.",
        "Set their clocks by NTP.",
    ),
    "clock-of-aws-apart": Words(
        "This machine's clock and AWS's are {seconds:.0f} seconds apart (asked in {asked}).",
        "Past 15 minutes AWS refuses every call.",
        "Set its clock by NTP.",
    ),
    # work
    "nothing-overdue": Words("Nothing is overdue."),
    "copies-overdue": Words(
        "{count|copy is|copies are} due for more than {minutes} minutes.",
        "They aren't started or followed.",
        "Is a worker running, and beat?",
    ),
    # machine
    "disk-has-room": Words("There is room where files are written on this machine."),
    "disk-nearly-full": Words("{mib} MiB are left.", "Exports and heads fail without room.", "Make room."),
    "disk-full": Words("{mib} MiB are left.", "Exports and heads of the history fail.", "Make room now."),
    "sessions-swept": Words("{count|session is|sessions are} open."),
    "sessions-unswept": Words(
        "{count|expired session isn't|expired sessions aren't} swept.",
        "Nothing yet; the table grows.",
        "Do beat and a worker run? manage.py clearsessions removes them at once.",
    ),
    # telling
    "email-off": Words("It is off: nobody is written to.", "Approvers don't hear of requests.", "Set EMAIL_HOST."),
    "email-sent": Words("It is on. Everybody who decides has an address, and nothing is stuck."),
    "deciders-without-address": Words(
        "{count} of those who decide have no address.",
        "They don't hear of requests.",
        "Enter their addresses under People.",
    ),
    "messages-late": Words(
        "{count|message is|messages are} due for more than {minutes} minutes.", "", "Is a worker running, and beat?"
    ),
    "email-failing": Words(
        "The mail server doesn't take {count|message|messages}.",
        "Copies go on; people hear late. They are tried again by themselves.",
        "The page Messages says why.",
    ),
    "email-undelivered": Words(
        "{count|message|messages} couldn't be delivered in the last 7 days.",
        "",
        "The page Messages says why, and tries again.",
    ),
    "webhooks-well": Words("{count|webhook is|webhooks are} set up, and nothing is stuck."),
    "webhook-unreadable": Words(
        "{name} can't be decrypted.",
        "Nothing is posted to it.",
        "Add its key to ENCRYPTION_KEYS, or enter its address anew.",
    ),
    "webhooks-former-key": Words("{names}: encrypted with a former key.", "", "Run manage.py rotate_encryption."),
    "webhook-failing": Words(
        "It doesn't take {count|message|messages}.",
        "Copies go on. They are tried again by themselves for days.",
        "The page Messages says why.",
    ),
    "webhook-undelivered": Words(
        "{count|message|messages} couldn't be delivered in the last 7 days.",
        "",
        "The page Messages says why, and tries again.",
    ),
    "access-keys-unreadable": Words(
        "{names} can't be decrypted.",
        "Calls signed with them are refused.",
        "Add their key to ENCRYPTION_KEYS or revoke them.",
    ),
    "access-keys-former-key": Words("{count} are encrypted with a former key.", "", "Run manage.py rotate_encryption."),
    "apps-unreadable": Words(
        "The authenticator apps of {names} can't be decrypted.",
        "They sign in with a passkey or a recovery code only.",
        "Add their key to ENCRYPTION_KEYS or reset their second factors.",
    ),
    "apps-former-key": Words(
        "{count|secret|secrets} of authenticator apps are encrypted with a former key.",
        "",
        "Run manage.py rotate_encryption.",
    ),
    # history
    "chain-verified": Words("The chain of {count|event|events} was verified."),
    "chain-never-verified": Words(
        "The chain was never verified.", "A change of the history wouldn't be noticed.", "Do beat and a worker run?"
    ),
    "chain-late": Words(
        "The chain wasn't verified lately.", "A change of the history wouldn't be noticed.", "Do beat and a worker run?"
    ),
    "chain-broken": Words(
        "The chain is broken. {finding}",
        "Copies go on. Somebody changed the history past amicopy, or restored a backup.",
        "Compare with a signed head and an export: docs/audit.md.",
    ),
    "triggers-weakened": Words(
        "The database may let events be changed: {faults}.",
        "The history is protected by its chain alone.",
        "As the owner of the tables, put the triggers back: docs/audit.md.",
    ),
    "heads-nowhere": Words(
        "Heads of the history are kept nowhere.",
        "Nobody could tell if its end was cut off.",
        "Set AUDIT_HEAD_DIR or AUDIT_HEAD_BUCKET.",
    ),
    "head-kept": Words("{words}"),
    "head-not-kept": Words("{words}", "Copies go on; the end of the history could be cut off unseen."),
    # power
    "rule-group-gone": Words(
        "“{rule}” asks {group}, which isn't there any more.",
        "What it fits is refused when it is submitted.",
        "Choose another role or team in the rule, or make the team again.",
    ),
    "rule-group-empty": Words(
        "“{rule}” asks {group}, in which nobody is who may approve.",
        "What it fits is refused when it is submitted.",
        "Put approvers in {group}, or choose another role or team in the rule.",
    ),
    "rule-group-nobody": Words(
        "“{rule}” is for requests of {group}, in which nobody is.", "It fits none.", "Put people in {group}."
    ),
    "changes-by-one": Words("TWO_PERSON_CHANGES is off: one administrator alone can change rules, roles and accounts."),
    # AWS
    "tokens-of-global-endpoint": Words(
        "AWS_STS_REGIONAL_ENDPOINTS is legacy.",
        "Tokens of STS's global endpoint don't work in Regions that have to be enabled, which answer AuthFailure.",
        "Set it to regional.",
    ),
    "account-entered": Words("amicopy was in as {arn}."),
    "account-not-seen": Words("No worker has looked yet.", "", "Ask for a look on the account's page."),
    "account-shut": Words(
        "amicopy didn't get in: {error}", "Its copies wait.", "The account's page says what its role has to trust."
    ),
    "regions-dark": Words(
        "{regions} couldn't be looked at.", "Copies there wait.", "The account's page says what AWS answered."
    ),
    "credentials-work": Words("amicopy acts as {arn}."),
    "credentials-fail": Words("The credentials don't work: {error}", "Its copies wait."),
    "credentials-of-another": Words(
        "The credentials are of account {found}, the row says {wanted}.", "Its copies wait."
    ),
    "regions-unlisted": Words("Its Regions can't be listed, which needs ec2:DescribeRegions: {error}"),
    "region-off": Words("The Region isn't enabled for the account.", "Copies there fail.", "Enable it at AWS."),
    "place-silent": Words("It doesn't answer: {error}", "Copies there wait."),
    "action-missing": Words("{action} is missing. AWS says: {said}"),
    "actions-allowed": Words("{count} actions are allowed."),
    "actions-partly-known": Words("{count} actions are allowed. Not known before the first copy: {unknown}."),
    "read-only-shut": Words("It can't be entered from here, which only the web server has to: {error}"),
    "read-only-may-more": Words("It may do more than look: {actions}."),
    "read-only-looks": Words("The web server looks as {arn}."),
    "queue-unknown": Words("{error}", "", "Check AMICOPY_EVENTS_QUEUE_URL."),
    "queue-shut": Words(
        "{url} can't be looked at: {error}",
        "Copies are found finished by polling, some seconds later.",
        "amicopy needs sqs:GetQueueAttributes, sqs:ReceiveMessage, sqs:DeleteMessage and "
        "sqs:ChangeMessageVisibility there.",
    ),
    "queue-crowded": Words("About {count} messages wait in {url}.", "", "Run more of manage.py listen."),
    "queue-answers": Words("{url} answers and is listened to."),
    "nobody-listens": Words(
        "Nobody listens to {url}.", "Copies are found finished by polling, some seconds later.", "Run manage.py listen."
    ),
}
TWICE = re.compile(r"(?<!\.)\.\.(?= |$)")
COUNTED = re.compile(r"\{(\w+)\|([^|}]*)\|([^|}]*)\}")


def words_of(finding: Finding) -> Words:
    """The words of a finding."""
    words = WORDS[finding.code]
    return Words(*(_filled(text, finding) for text in (words.seen, words.means, words.do)))


def _filled(text: str, finding: Finding) -> str:
    def counted(found: re.Match[str]) -> str:
        number = finding.data[found[1]]
        return f"{number:,} {found[2] if number == 1 else found[3]}"

    values = {name: _listed(value) for name, value in finding.data.items()}
    # What AWS or a server said ends as it likes; a sentence of ours ends once.
    return TWICE.sub(".", COUNTED.sub(counted, text).format(**values))


def _listed(value: Any) -> Any:
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else value
