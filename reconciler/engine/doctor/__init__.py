"""What `reconcile doctor` looks at: all that a pass relies on. It changes nothing anywhere.

diagnosis   every check in its order, each made even if one before it fails
scene       what the checks are made of: this machine, the disk, the endpoint, the ledger
project     settings, owner, specs, budget
endpoint    key, organisation, what the endpoint can do, clock
dates       calendar, bases, shutdown dates, catalog, prices (pure)
machine     ledger, checkout, history, versions
"""

from reconciler.engine.doctor.diagnosis import diagnose
from reconciler.engine.doctor.scene import Host

__all__ = ["Host", "diagnose"]
