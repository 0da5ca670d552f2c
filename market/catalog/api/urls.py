from django.urls import path

from market.catalog.api import views

urlpatterns = [
    path("products", views.ProductListView.as_view(), name="products"),
    path("products/<uuid:product_id>", views.ProductView.as_view(), name="product"),
    path("vendors", views.VendorListView.as_view(), name="vendors"),
    path("vendors/<uuid:vendor_id>", views.VendorView.as_view(), name="vendor"),
]
