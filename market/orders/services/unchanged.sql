-- Whether what an order stands on is still what was read. {asker_version} and {offer_version} are statements of those who
-- read. The columns of ask: theirs, asker_version, offer_version, buyer.
({asker_version}) = ask.asker_version
AND ({offer_version}) = ask.offer_version
AND NOT EXISTS (SELECT FROM orders_spendinglimit AS spending WHERE spending.buyer_org_id = ask.buyer)
