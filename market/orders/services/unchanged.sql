-- Whether what an order stands on is still what was read. {asker_version} and {offer_version} are statements of those who
-- read. Parameters: theirs, asker_version, offer_version, buyer.
({asker_version}) = %(asker_version)s
AND ({offer_version}) = %(offer_version)s
AND NOT EXISTS (SELECT FROM orders_spendinglimit AS spending WHERE spending.buyer_org_id = %(buyer)s::uuid)
