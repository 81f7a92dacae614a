"""What people do: log in and out, set a password, acknowledge an alarm. Each change is checked, then answered once."""

from __future__ import annotations

import asyncio
import re
from typing import Annotated

from fastapi import Depends, FastAPI, Request
from fastapi.responses import RedirectResponse, Response
from starlette.datastructures import FormData

from dashboard import known
from dashboard.accounts import PASSWORD_LENGTH_MAX, PASSWORD_LENGTH_MIN, Accounts, Session
from dashboard.commands import NoCommandsError
from dashboard.gate import checked_form, cookie_name, local_target
from dashboard.render import desk_of, language_of, message, page, shell
from dashboard.seams import Parts
from gateway.errors import CollectorAwayError, ControlError
from runtime import logs
from runtime.addresses import neighbourhood

Form = Annotated[FormData, Depends(checked_form)]
NAME = re.compile(r"[^\x00-\x20<>\"'&/\\]{1,32}")
EVENT_ID = re.compile(r"[\w.:-]{1,100}")
KEY = re.compile(r"[0-9a-f]{16,64}")

log = logs.get("dashboard")


def routes(app: FastAPI) -> None:
    app.add_api_route("/login", _login_page, methods=["GET"])
    app.add_api_route("/login", _login, methods=["POST"])
    app.add_api_route("/logout", _logout, methods=["POST"])
    app.add_api_route("/account", _account, methods=["GET"])
    app.add_api_route("/account/password", _set_password, methods=["POST"])
    app.add_api_route("/alarms/acknowledge", _acknowledge, methods=["POST"])


def _login_page(request: Request, token: str = "", next: str = "/") -> Response:  # noqa: A002 - the address says next
    accounts: Accounts = request.app.state.accounts
    if token:
        session_id = accounts.redeem_setup_token(token)
        request.app.state.logins.labels("link" if session_id else "link_refused").inc()
        if session_id is not None:
            log.info("logged in by the one-time link", client=_address(request))
            return _enter(request, session_id, "/")
        return _login_form(request, next, "link_dead", 403)
    return _login_form(request, next)


def _login_form(
    request: Request, target: str, problem: str = "", status: int = 200, wait_s: float = 0
) -> Response:
    language = language_of(request)
    values = {
        "page": "login",
        "next": local_target(target),
        "problem": language(f"login.{problem}", n=int(wait_s) + 1) if problem else "",
        "needs_setup": request.app.state.accounts.needs_setup(),
    }
    return page(request, "login.html", values, status=status)


async def _login(request: Request, form: Form) -> Response:
    accounts: Accounts = request.app.state.accounts
    throttle = request.app.state.throttle
    name, password, target = (str(form.get(field, "")) for field in ("name", "password", "next"))
    keys = _counted_by(request, name)
    async with request.app.state.hashing:
        # Only here: many guesses at once would all have been let through before the first of them was found wrong.
        wait_s = throttle.wait_s(*keys)
        if wait_s > 0:
            return _login_form(request, target, "wait", 429, wait_s)
        is_right = await asyncio.to_thread(accounts.check_password, name, password)
        (throttle.succeeded if is_right else throttle.failed)(*keys)
    request.app.state.logins.labels("ok" if is_right else "wrong").inc()
    if not is_right:
        log.warning("login refused", client=_address(request))
        return _login_form(request, target, "wrong", 401)
    return _remembered(request, _enter(request, accounts.open_session(name), local_target(target)), name)


def _counted_by(request: Request, name: str) -> tuple[str, ...]:
    """Whose failures are counted together: the account's and the address's, but those of a browser that has logged in to this
    account before are its own, so that no stranger makes it wait."""
    cookie = request.cookies.get(known.cookie_name(is_secure=request.app.state.parts.is_secure), "")
    nonce = known.nonce_in(request.app.state.accounts.form_key, name, cookie)
    if nonce is not None:
        return (f"known {nonce}",)
    return f"user {name[:64]}", f"from {neighbourhood(_address(request))}"


def _remembered(request: Request, response: Response, name: str) -> Response:
    is_secure = request.app.state.parts.is_secure
    response.set_cookie(
        known.cookie_name(is_secure=is_secure),
        known.new_cookie(request.app.state.accounts.form_key, name),
        max_age=known.MAX_AGE_S, httponly=True, samesite="lax", secure=is_secure, path="/",
    )  # fmt: skip
    return response


def _enter(request: Request, session_id: str, target: str) -> Response:
    response = RedirectResponse(target, 303)
    is_secure = request.app.state.parts.is_secure
    name = cookie_name(is_secure=is_secure)
    response.set_cookie(name, session_id, httponly=True, samesite="lax", secure=is_secure, path="/")
    return response


def _logout(request: Request, form: Form) -> Response:
    del form
    request.app.state.accounts.close_session(request.state.session)
    response = RedirectResponse("/login", 303)
    response.delete_cookie(cookie_name(is_secure=request.app.state.parts.is_secure), path="/")
    return response


def _account(request: Request) -> Response:
    return _account_page(request, said=request.query_params.get("said", ""))


def _account_page(request: Request, said: str = "", problem: str = "", status: int = 200) -> Response:
    with desk_of(request) as desk:
        values = {"page": "account", "desk": desk, "said": said, "problem": problem, **shell(desk)}
    return page(request, "account.html", values, status=status)


async def _set_password(request: Request, form: Form) -> Response:
    accounts: Accounts = request.app.state.accounts
    session: Session = request.state.session
    name, password, again, old = (str(form.get(field, "")) for field in ("name", "password", "again", "old"))
    language = language_of(request)
    problem = _password_problem(name, password, again)
    if not problem and session.has_password:
        problem = await _old_problem(request, session.user, old)
    if not problem:
        async with request.app.state.hashing:
            if not await asyncio.to_thread(accounts.set_password, session.user, name, password):
                problem = "name_taken"
    if problem:
        text = language(f"account.{problem}", n=PASSWORD_LENGTH_MIN)
        return await asyncio.to_thread(_account_page, request, "", text, 400)
    return _remembered(request, _enter(request, accounts.open_session(name), "/account?said=password"), name)


async def _old_problem(request: Request, user: str, old: str) -> str:
    """Somebody at a browser that was left logged in may not guess on for ever either."""
    key, throttle = f"change {user}", request.app.state.throttle
    async with request.app.state.hashing:
        if throttle.wait_s(key) > 0:
            return "old_wait"
        is_right = await asyncio.to_thread(request.app.state.accounts.check_password, user, old)
        (throttle.succeeded if is_right else throttle.failed)(key)
    return "" if is_right else "old_wrong"


def _password_problem(name: str, password: str, again: str) -> str:
    if not NAME.fullmatch(name):
        return "name_bad"
    if not PASSWORD_LENGTH_MIN <= len(password) <= PASSWORD_LENGTH_MAX:
        return "password_short"
    return "" if password == again else "password_differs"


async def _acknowledge(request: Request, form: Form) -> Response:
    """确认 goes to the collector and is answered after its COMMIT; the key makes a second click harmless."""
    parts: Parts = request.app.state.parts
    session: Session = request.state.session
    event_id, key, target = (str(form.get(field, "")) for field in ("event_id", "key", "next"))
    if not EVENT_ID.fullmatch(event_id) or not KEY.fullmatch(key):
        return message(request, 400, "refused")
    try:
        await parts.commands.send("acknowledge", event_id, {}, user=session.user, key=key)
    except CollectorAwayError as error:
        log.warning("the collector did not answer a command", command="acknowledge", error=str(error))
        return message(request, 503, "collector_down")
    except NoCommandsError:
        return message(request, 409, "at_hub")
    except ControlError as error:
        return message(request, 409, "refused", str(error))
    return RedirectResponse(local_target(target), 303)


def _address(request: Request) -> str:
    return request.client.host if request.client else "unknown"
