"""Requests on the nodes of a Ray cluster (extra `ray`).

    engine ── executor.py ── pipe ── gateway.py ── Ray ── worker.py on each node ── provider
     |                                 one process                 |
    ledger                                                       outbox

The engine keeps the order, limits, retries, intents and the ledger. Ray retries nothing and restarts nothing. Ray ends
the process that is connected to a cluster once the cluster is gone, so that process is not the one of the run.
"""
