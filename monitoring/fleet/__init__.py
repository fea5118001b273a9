"""The fleet as code: what is watched, in the shape of fleet.yaml.

Everything a user writes is validated here, at the border; past it, the values are right.
"""

from monitoring.fleet.file import SECTION_OF as SECTION_OF
from monitoring.fleet.file import Fleet as Fleet
from monitoring.fleet.file import documents as documents
from monitoring.fleet.file import dump as dump
from monitoring.fleet.file import load as load
from monitoring.fleet.file import load_sections as load_sections
from monitoring.fleet.file import parse as parse
from monitoring.fleet.file import parse_model as parse_model
from monitoring.fleet.file import parse_rule as parse_rule
from monitoring.fleet.file import plain as plain
from monitoring.fleet.file import read as read
from monitoring.fleet.file import read_sections as read_sections
from monitoring.fleet.logs import Columns as Columns
from monitoring.fleet.logs import Log as Log
from monitoring.fleet.model import Mode as Mode
from monitoring.fleet.model import Model as Model
from monitoring.fleet.model import Target as Target
from monitoring.fleet.model import Task as Task
from monitoring.fleet.references import MovingReference as MovingReference
from monitoring.fleet.references import ReferenceRows as ReferenceRows
from monitoring.fleet.references import ReferenceWindow as ReferenceWindow
from monitoring.fleet.slos import Sli as Sli
from monitoring.fleet.slos import Slo as Slo
from monitoring.fleet.thresholds import Covariate as Covariate
from monitoring.fleet.thresholds import Daylight as Daylight
from monitoring.fleet.thresholds import Threshold as Threshold
