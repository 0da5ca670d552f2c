-- The versions of the rows that orderable.sql reads for an offer: PostgreSQL marks a row with the transaction that wrote it
-- (xmin). What is approved for a purpose is not among them. The offer is ask.offer.
SELECT concat_ws(' ', offer.xmin, product.xmin, vendor.xmin, revision.id, revision.xmin)
FROM catalog_offer AS offer
JOIN catalog_product AS product ON product.id = offer.product_id
JOIN accounts_organization AS vendor ON vendor.id = product.vendor_org_id
LEFT JOIN LATERAL (
    SELECT published.id, published.xmin
      FROM catalog_revision AS published
     WHERE published.product_id = product.id AND published.state = 'published'
     ORDER BY published.number DESC LIMIT 1
) AS revision ON true
WHERE offer.id = ask.offer
