"""The tables, a module a subject. An absent string in a unique key is '', so that uniqueness holds.

Whoever imports this has all of them in `Base.metadata`.
"""

from monitoring.store.tables.alerts import AlertEventRow as AlertEventRow
from monitoring.store.tables.alerts import AlertRow as AlertRow
from monitoring.store.tables.alerts import NotificationGroupRow as NotificationGroupRow
from monitoring.store.tables.base import Base as Base
from monitoring.store.tables.base import UtcDateTime as UtcDateTime
from monitoring.store.tables.incidents import IncidentMemberRow as IncidentMemberRow
from monitoring.store.tables.incidents import IncidentRow as IncidentRow
from monitoring.store.tables.incidents import MovementRow as MovementRow
from monitoring.store.tables.models import EvaluationRow as EvaluationRow
from monitoring.store.tables.models import ModelRow as ModelRow
from monitoring.store.tables.models import SourceRow as SourceRow
from monitoring.store.tables.oncall import OverrideRow as OverrideRow
from monitoring.store.tables.oncall import PersonRow as PersonRow
from monitoring.store.tables.oncall import SilenceRow as SilenceRow
from monitoring.store.tables.oncall import TeamRow as TeamRow
from monitoring.store.tables.oncall import WrittenRow as WrittenRow
from monitoring.store.tables.outbox import ChannelRow as ChannelRow
from monitoring.store.tables.outbox import OutboxRow as OutboxRow
from monitoring.store.tables.retrains import RetrainEventRow as RetrainEventRow
from monitoring.store.tables.retrains import RetrainRow as RetrainRow
from monitoring.store.tables.summaries import BaselineRow as BaselineRow
from monitoring.store.tables.summaries import PartRow as PartRow
from monitoring.store.tables.summaries import SeriesRow as SeriesRow
from monitoring.store.tables.summaries import SlotRow as SlotRow
from monitoring.store.tables.summaries import SummaryRow as SummaryRow
from monitoring.store.tables.thresholds import RevisionRow as RevisionRow
from monitoring.store.tables.thresholds import RuleRow as RuleRow
from monitoring.store.tables.tokens import CallbackRow as CallbackRow
from monitoring.store.tables.tokens import TokenRow as TokenRow
from monitoring.store.tables.verdicts import DiagnosisRow as DiagnosisRow
from monitoring.store.tables.verdicts import VerdictRow as VerdictRow
from monitoring.store.tables.work import AuditRow as AuditRow
from monitoring.store.tables.work import HeartbeatRow as HeartbeatRow
from monitoring.store.tables.work import RequestRow as RequestRow
