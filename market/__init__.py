"""The exchange, one sub-package a room. An import may only point down this list.

reports                      exporters, report jobs, files that auditors download
documents | banking          account statements, invoices | what the bank says came in and went out, and what it
                             is told to pay
delivery | settlement | negotiation | billing
                             what the buyer receives | what the vendor earns | quotes and private offers |
                             what a running contract costs, by the month and by use
orders                       order, contract terms, acceptance
catalog | ledger             what is for sale | where money is
accounts (top level)         who acts
outbox | api                 durable work | the HTTP edge shared by all
audit                        append-only evidence
workspaces                   the three admin sites and their scoped base classes
kernel                       money, ids, clock, errors, locks, state tables; no models
"""
