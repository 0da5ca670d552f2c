from django.urls import path

from market.catalog.api import approvals, views

urlpatterns = [
    path("products", views.ProductListView.as_view(), name="products"),
    path("products/<uuid:product_id>", views.ProductView.as_view(), name="product"),
    path("purpose-approvals", approvals.PurposeApprovals.as_view(), name="purpose-approvals"),
    path("purpose-approvals/<uuid:approval_id>", approvals.PurposeApprovalDetail.as_view(), name="purpose-approval"),
    path(
        "purpose-approvals/<uuid:approval_id>/withdraw",
        approvals.WithdrawPurposeApproval.as_view(),
        name="purpose-approval-withdraw",
    ),
    path("vendors", views.VendorListView.as_view(), name="vendors"),
    path("vendors/<uuid:vendor_id>", views.VendorView.as_view(), name="vendor"),
]
