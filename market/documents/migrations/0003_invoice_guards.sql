-- A line is about captured money of the invoice's own parties, all of it, tax included.
CREATE FUNCTION documents_line_is_of_its_capture() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (
        SELECT FROM documents_invoice AS invoice
          JOIN settlement_capture AS capture ON capture.id = NEW.capture_id
          JOIN orders_order AS sale ON sale.id = capture.order_id
         WHERE invoice.id = NEW.invoice_id
           AND (invoice.buyer_org_id, invoice.vendor_org_id, invoice.currency)
             = (sale.buyer_org_id, capture.vendor_org_id, capture.currency)
           AND (NEW.order_id, NEW.vendor_org_id, NEW.amount, NEW.vat)
             = (capture.order_id, capture.vendor_org_id, capture.gross, capture.vat)
    ) THEN
        RAISE EXCEPTION 'the line is not what was captured between the parties of its invoice'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'invoice_line_is_of_its_capture';
    END IF;
    RETURN NULL;
END $$;

CREATE TRIGGER documents_line_is_of_its_capture AFTER INSERT ON documents_invoiceline
    FOR EACH ROW EXECUTE FUNCTION documents_line_is_of_its_capture();

-- Lines come with their invoice, and together they are its amount.
CREATE FUNCTION documents_lines_are_the_invoice() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (
        SELECT FROM documents_invoice AS invoice
          JOIN (SELECT DISTINCT invoice_id FROM made) AS touched ON touched.invoice_id = invoice.id
          JOIN LATERAL (
                SELECT sum(amount) AS amount, sum(vat) AS vat FROM documents_invoiceline WHERE invoice_id = invoice.id
               ) AS line ON true
         WHERE (invoice.amount, invoice.vat) <> (line.amount, line.vat) OR invoice.state <> 'requested'
    ) THEN
        RAISE EXCEPTION 'the lines do not come to the amount of their invoice'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'invoice_is_the_sum_of_its_lines';
    END IF;
    RETURN NULL;
END $$;

CREATE TRIGGER documents_lines_are_the_invoice AFTER INSERT ON documents_invoiceline
    REFERENCING NEW TABLE AS made FOR EACH STATEMENT EXECUTE FUNCTION documents_lines_are_the_invoice();

-- What was captured is free to be invoiced again only when nothing is left of the invoice it stood in.
CREATE FUNCTION documents_line_released_when_dead() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (
        SELECT FROM documents_invoice AS invoice
         WHERE invoice.id = NEW.invoice_id
           AND (
                invoice.state IN ('rejected', 'withdrawn')
                OR invoice.amount = (
                    SELECT sum(amount) FROM documents_taxdocument WHERE invoice_id = invoice.id AND colour = 'red'
                )
               )
    ) THEN
        RAISE EXCEPTION 'the invoice of this line lives'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'invoice_line_released_when_dead';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER documents_line_released_when_dead BEFORE UPDATE OF released_at ON documents_invoiceline
    FOR EACH ROW EXECUTE FUNCTION documents_line_released_when_dead();

-- A blue invoice is for the whole amount; red ones refer to it and together take back no more. The lock makes two that
-- are recorded at once wait for each other.
CREATE FUNCTION documents_taxdocument_amounts() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    whole bigint;
    red numeric;
BEGIN
    SELECT amount INTO whole FROM documents_invoice WHERE id = NEW.invoice_id FOR NO KEY UPDATE;
    SELECT coalesce(sum(amount), 0) INTO red
      FROM documents_taxdocument WHERE invoice_id = NEW.invoice_id AND colour = 'red';
    IF NEW.colour = 'blue' AND NEW.amount <> whole THEN
        RAISE EXCEPTION 'the invoice is for % fen, not %', whole, NEW.amount
            USING ERRCODE = 'check_violation', CONSTRAINT = 'tax_document_is_the_whole';
    ELSIF NEW.colour = 'red' AND NOT EXISTS (
        SELECT FROM documents_taxdocument WHERE invoice_id = NEW.invoice_id AND colour = 'blue'
    ) THEN
        RAISE EXCEPTION 'there is no invoice that this one could take back'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'tax_document_red_after_blue';
    ELSIF NEW.colour = 'red' AND red > whole THEN
        RAISE EXCEPTION 'red-letter invoices of % fen for an invoice of %', red, whole
            USING ERRCODE = 'check_violation', CONSTRAINT = 'tax_document_red_not_above_blue';
    END IF;
    RETURN NULL;
END $$;

CREATE TRIGGER documents_taxdocument_amounts AFTER INSERT ON documents_taxdocument
    FOR EACH ROW EXECUTE FUNCTION documents_taxdocument_amounts();
