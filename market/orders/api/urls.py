from django.urls import path

from market.orders.api import amendments, bulk, contracts, disputes, limits, lines, views

urlpatterns = [
    path("orders", views.Orders.as_view(), name="orders"),
    path("orders/bulk", bulk.BulkOrders.as_view(), name="orders-bulk"),
    path("order-groups/<uuid:group_id>", bulk.OrderGroup.as_view(), name="order-group"),
    path("orders/<uuid:order_id>", views.OrderDetail.as_view(), name="order"),
    path("orders/<uuid:order_id>/terms", contracts.OrderTermsView.as_view(), name="order-terms"),
    path("orders/<uuid:order_id>/contract.html", contracts.ContractPage.as_view(), name="order-contract-html"),
    path("orders/<uuid:order_id>/contract.pdf", contracts.ContractFile.as_view(), name="order-contract-pdf"),
    path("orders/<uuid:order_id>/terms/versions", contracts.Versions.as_view(), name="order-terms-versions"),
    path("orders/<uuid:order_id>/amendments", amendments.ProposeAmendment.as_view(), name="order-amendments"),
    path("amendments", amendments.Amendments.as_view(), name="amendments"),
    path("amendments/<uuid:amendment_id>", amendments.AmendmentDetail.as_view(), name="amendment"),
    path("amendments/<uuid:amendment_id>/confirm", amendments.ConfirmAmendment.as_view(), name="amendment-confirm"),
    path("amendments/<uuid:amendment_id>/decline", amendments.DeclineAmendment.as_view(), name="amendment-decline"),
    path("amendments/<uuid:amendment_id>/withdraw", amendments.WithdrawAmendment.as_view(), name="amendment-withdraw"),
    path("orders/<uuid:order_id>/timeline", views.OrderTimeline.as_view(), name="order-timeline"),
    path("orders/<uuid:order_id>/cancel", views.CancelOrder.as_view(), name="order-cancel"),
    path("orders/<uuid:order_id>/accept", views.AcceptOrder.as_view(), name="order-accept"),
    path("orders/<uuid:order_id>/approve", limits.ApproveOrder.as_view(), name="order-approve"),
    path("orders/<uuid:order_id>/decline", limits.DeclineOrder.as_view(), name="order-decline"),
    path("orders/<uuid:order_id>/dispute", disputes.OrderDispute.as_view(), name="order-dispute"),
    path("orders/<uuid:order_id>/dispute/answer", disputes.DisputeAnswer.as_view(), name="order-dispute-answer"),
    path("orders/<uuid:order_id>/dispute/decision", disputes.DisputeDecision.as_view(), name="order-dispute-decision"),
    path("order-groups/<uuid:group_id>/accept", lines.AcceptLines.as_view(), name="order-group-accept"),
    path("spending-limits", limits.SpendingLimits.as_view(), name="spending-limits"),
    path("spending-limits/<uuid:limit_id>", limits.SpendingLimitDetail.as_view(), name="spending-limit"),
    path("orders/<uuid:order_id>/refund", views.RefundOrder.as_view(), name="order-refund"),
]
