"""What staff do about strangers on a broker: adopt one as a device (采用), or dismiss it (忽略); commands to the collector."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Depends, FastAPI, Request
from fastapi.responses import RedirectResponse, Response
from starlette.datastructures import FormData

from dashboard.accounts import Session
from dashboard.commands import NoCommandsError
from dashboard.gate import checked_form
from dashboard.people import KEY
from dashboard.render import language_of, message
from dashboard.seams import Parts
from gateway.errors import CollectorAwayError, ControlError
from runtime import logs

Form = Annotated[FormData, Depends(checked_form)]
FIELDS = ("broker", "id", "profile", "name", "space", "parent", "energy_code")
FIELD_CHARACTERS_MAX, TOPIC_CHARACTERS_MAX = 200, 256

log = logs.get("dashboard")


def routes(app: FastAPI) -> None:
    app.add_api_route("/devices/adopt", _adopt, methods=["POST"])
    app.add_api_route("/devices/dismiss", _dismiss, methods=["POST"])


async def _adopt(request: Request, form: Form) -> Response:
    body = {name: str(form.get(name, "")).strip()[:FIELD_CHARACTERS_MAX] for name in FIELDS}
    return await _send(request, form, "adopt", body)


async def _dismiss(request: Request, form: Form) -> Response:
    return await _send(request, form, "dismiss", {"broker": str(form.get("broker", ""))})


async def _send(request: Request, form: FormData, command: str, body: dict[str, Any]) -> Response:
    """Answered after the collector's COMMIT; the key makes a second click harmless."""
    parts: Parts = request.app.state.parts
    session: Session = request.state.session
    topic, key = str(form.get("topic", "")), str(form.get("key", ""))
    if not 0 < len(topic) <= TOPIC_CHARACTERS_MAX or not KEY.fullmatch(key):
        return message(request, 400, "refused")
    try:
        await parts.commands.send(command, topic, body, user=session.user, key=key)
    except CollectorAwayError as error:
        log.warning("the collector did not answer a command", command=command, error=str(error))
        return message(request, 503, "collector_down", language_of(request)("candidate.not_kept"))
    except NoCommandsError:
        return message(request, 409, "at_hub")
    except ControlError as error:
        return message(request, 409, "refused", str(error))
    return RedirectResponse("/devices", 303)
