"""Migration operations that put the house's rules into PostgreSQL itself."""

from collections.abc import Mapping, Sequence

from django.db.migrations import RunSQL


def append_only(table: str, fill_once: Sequence[str] = ()) -> RunSQL:
    """Refuse every UPDATE and DELETE on ``table``.

    ``fill_once`` names columns that may go once from NULL to a value, all else staying as it is.
    """
    return immutable_when(table, "true", may_change=(), fill_once=fill_once)


def immutable_when(
    table: str, condition: str, *, may_change: Sequence[str] = (), fill_once: Sequence[str] = ()
) -> RunSQL:
    """Refuse UPDATE and DELETE of the rows of ``table`` for which the SQL ``condition`` on OLD holds.

    Columns in ``may_change`` stay free; those in ``fill_once`` may go once from NULL to a value. A changed row is
    compared as a whole after those columns have been given back what they were, so a column added later is protected
    without a new trigger.
    """
    function = f"{table}_guard"
    give_back = "".join(f" kept.{column} := OLD.{column};" for column in (*may_change, *fill_once))
    filled = " OR ".join(
        f"(OLD.{column} IS NOT NULL AND NEW.{column} IS DISTINCT FROM OLD.{column})" for column in fill_once
    )
    allowed = ""
    if may_change or fill_once:
        allowed = f"""
        IF TG_OP = 'UPDATE' AND NOT ({filled or "false"}) THEN
            kept := NEW;{give_back}
            IF kept IS NOT DISTINCT FROM OLD THEN
                RETURN NEW;
            END IF;
        END IF;"""
    return RunSQL(
        sql=f"""
        CREATE FUNCTION {function}() RETURNS trigger LANGUAGE plpgsql AS $$
        DECLARE
            kept {table}%ROWTYPE;
        BEGIN
            IF NOT ({condition}) THEN
                RETURN CASE TG_OP WHEN 'DELETE' THEN OLD ELSE NEW END;
            END IF;{allowed}
            RAISE EXCEPTION '% on {table} is refused: its rows are evidence', TG_OP
                USING ERRCODE = 'restrict_violation', CONSTRAINT = '{table}_is_immutable';
        END $$;
        CREATE TRIGGER {function} BEFORE UPDATE OR DELETE ON {table}
            FOR EACH ROW EXECUTE FUNCTION {function}();
        """,
        reverse_sql=f"DROP TRIGGER {function} ON {table}; DROP FUNCTION {function}();",
    )


def only_moves(table: str, column: str, moves: Mapping[str, Sequence[str]]) -> RunSQL:
    """Refuse an UPDATE of ``table`` that brings ``column`` from one value to another that ``moves`` does not allow."""
    function = f"{table}_{column}_moves"
    pairs = ", ".join(f"('{source}', '{target}')" for source, targets in moves.items() for target in targets)
    return RunSQL(
        sql=f"""
        CREATE FUNCTION {function}() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            IF NEW.{column} = OLD.{column} OR (OLD.{column}, NEW.{column}) IN ({pairs}) THEN
                RETURN NEW;
            END IF;
            RAISE EXCEPTION '{table}.{column} may not go from % to %', OLD.{column}, NEW.{column}
                USING ERRCODE = 'restrict_violation', CONSTRAINT = '{function}';
        END $$;
        CREATE TRIGGER {function} BEFORE UPDATE OF {column} ON {table}
            FOR EACH ROW EXECUTE FUNCTION {function}();
        """,
        reverse_sql=f"DROP TRIGGER {function} ON {table}; DROP FUNCTION {function}();",
    )
