"""Is the database of the store reachable, of this version, durable, and whole? Reads in one snapshot; changes nothing."""

from __future__ import annotations

from sqlalchemy import exc, text

from civic.errors import Misuse
from civic.store.moving import Contents
from civic.store.postgresql.connection import Limits, engine_for, is_outage
from civic.store.postgresql.moving import everything
from civic.store.postgresql.schema import check, why

PATIENCE = Limits(connections=1, lock=10, statement=600, idle=600)


def examine_database(url: str) -> tuple[Contents, list[str]]:
    """All that it holds, and what stands in the way of reading it; then the contents are empty."""
    engine = engine_for(url, PATIENCE)
    try:
        # Reachable, synchronous_commit and fsync on, tables of this version: as at every start.
        check(engine)
        with engine.connect() as connection:
            # One snapshot: entries and counters of the same moment, while citizens go on.
            connection.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY"))
            # Whole tables are read here.
            connection.execute(text("SET LOCAL enable_seqscan = on"))
            contents = everything(connection)
    except Misuse as err:
        return Contents(), [str(err)]
    except exc.SQLAlchemyError as err:
        if not is_outage(err):
            raise
        return Contents(), [
            f"PostgreSQL에서 자료를 읽지 못했습니다({why(err)}). 서버의 기록과 디스크를 확인하고 백업에서 되살리세요."
        ]
    finally:
        engine.dispose()
    return contents, []
