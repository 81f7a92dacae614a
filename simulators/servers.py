"""pymodbus's servers with one change: every request is answered under its own transaction, however late.

pymodbus 3.16 labels an answer with whatever was asked last; a slow meter's registers would then pass as those of the
meter asked next. On TCP our late answers carry the old transaction and are skipped; on a serial line, which has no
transactions, they are as dangerous as real ones.
"""

from __future__ import annotations

from pymodbus.constants import ExcCodes
from pymodbus.exceptions import NoSuchIdException
from pymodbus.pdu import ExceptionResponse, ModbusPDU
from pymodbus.server import ModbusSerialServer, ModbusTcpServer
from pymodbus.server.requesthandler import ServerRequestHandler

from runtime import logs

log = logs.get("simulator")


class OwnAnswers(ServerRequestHandler):
    """One connection: what was asked is kept while the meter thinks."""

    async def handle_request(self) -> None:
        request, address = self.last_pdu, self.last_addr
        if request is None:
            return
        try:
            response = await request.datastore_update(self.server.context, request.dev_id)
        except NoSuchIdException:
            return
        except Exception:
            log.warning("a simulated meter failed", unit_id=request.dev_id, exc_info=True)
            response = ExceptionResponse(request.function_code, ExcCodes.DEVICE_FAILURE)
        self._answer(request, response, address)

    def _answer(self, request: ModbusPDU, response: ModbusPDU, address: tuple[str, int] | None) -> None:
        response.transaction_id, response.dev_id = request.transaction_id, request.dev_id
        if self.transport is not None:
            self.server_send(response, address)  # type: ignore[no-untyped-call]


class TcpMeters(ModbusTcpServer):
    """Meters behind one TCP address."""

    def callback_new_connection(self) -> OwnAnswers:
        return OwnAnswers(self, None, None, None)  # type: ignore[no-untyped-call]


class SerialMeters(ModbusSerialServer):
    """Meters on one serial line."""

    def callback_new_connection(self) -> OwnAnswers:
        return OwnAnswers(self, None, None, None)  # type: ignore[no-untyped-call]
