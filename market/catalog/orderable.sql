-- Offers that a buyer may know of, each with its product, vendor and what would be delivered, as one JSON document: a list
-- in the order of what is wanted. The version is as offer_version.sql gives it. Parameters: wanted (objects of offer and
-- purpose), buyer, moment.
SELECT json_agg(json_build_object(
    'line', wanted.line,
    'version', concat_ws(' ', offer.xmin, product.xmin, vendor.xmin, revision.id, revision.row_version),
    'offer', row_to_json(offer),
    'product', json_build_object(
        'id', product.id, 'vendor_org_id', product.vendor_org_id, 'code', product.code, 'title', product.title,
        'kind', product.kind, 'sector', product.sector, 'grade', product.grade,
        'has_personal_information', product.has_personal_information,
        'requires_purpose_approval', product.requires_purpose_approval, 'rights_basis', product.rights_basis,
        'state', product.state, 'certificate_number', product.certificate_number
    ),
    'vendor', row_to_json(vendor),
    'revision', json_build_object('id', revision.id, 'number', revision.number),
    -- One hash over all files of the revision, which anybody can compute again: of what sha256sum prints for them.
    'manifest_sha256', (
        SELECT encode(sha256(convert_to(
                   string_agg(asset.sha256 || '  ' || asset.path || E'\n', '' ORDER BY asset.path COLLATE "C"), 'UTF8'
               )), 'hex')
          FROM catalog_asset AS asset
         WHERE asset.revision_id = revision.id
    ),
    -- The approval of this very purpose, looked up only for a product that needs one.
    'approval_id', CASE WHEN product.requires_purpose_approval OR product.grade = 'important' THEN (
        SELECT approval.id
          FROM catalog_purposeapproval AS approval
         WHERE approval.product_id = product.id AND approval.buyer_org_id = %(buyer)s::uuid
           AND approval.purpose = wanted.purpose AND approval.state = 'approved' AND approval.expires_at > %(moment)s::timestamptz
         LIMIT 1
    ) END
) ORDER BY wanted.line)
FROM ROWS FROM (json_to_recordset(%(wanted)s::json) AS (offer uuid, purpose text)) WITH ORDINALITY
     AS wanted (offer_id, purpose, line)
JOIN catalog_offer AS offer ON offer.id = wanted.offer_id AND (offer.buyer_org_id IS NULL OR offer.buyer_org_id = %(buyer)s::uuid)
JOIN catalog_product AS product
  ON product.id = offer.product_id AND product.state NOT IN ('draft', 'in_review', 'rejected')
JOIN accounts_organization AS vendor ON vendor.id = product.vendor_org_id
LEFT JOIN LATERAL (
    SELECT published.id, published.number, published.xmin AS row_version
      FROM catalog_revision AS published
     WHERE published.product_id = product.id AND published.state = 'published'
     ORDER BY published.number DESC LIMIT 1
) AS revision ON true
