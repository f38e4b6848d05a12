"""Who is at the console: a signed cookie, a token against forged requests, a throttle.

The cookie names the user and the fingerprint of their password hash, so that a new
password, another role or a disabled account takes effect at the next request. Its
age is the machine's own, not the centre's virtual time: in a demonstration a season
passes in minutes, and nobody should be logged out by it.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock

from itsdangerous import BadSignature, URLSafeSerializer, URLSafeTimedSerializer

from core.errors import HarvestlineError
from server.keys import KeyFileError
from server.store.people import User

SESSION_COOKIE = "harvestline_session"
VISIT_COOKIE = "harvestline_visit"
STEP_UP_COOKIE = "harvestline_step_up"
DOOR_COOKIE = "harvestline_door"
DOOR_S_MAX = 5 * 60  # how long a right password waits for its second factor
STEP_UP_S_MAX = 10 * 60  # how long a password that was given again counts
SESSION_S_MAX = 8 * 3600
TRIES_MAX = 5
THROTTLE_MS = 60_000
THROTTLED_NAMES_MAX = 10_000
SECRET_BYTES_MIN = 32
OTHERS_MASK = 0o077


class ForgedRequestError(HarvestlineError):
    """A change came without the token that the page carried."""

    code = "HL-SRV-012"


class StepUpError(HarvestlineError):
    """The password was not given again lately, and what is asked for moves money or rights."""

    code = "HL-SRV-024"


class SecondFactorNeededError(HarvestlineError):
    """Whoever approves must enrol a second factor here before they do anything else."""

    code = "HL-SRV-029"


@dataclass(frozen=True, slots=True)
class Session:
    """A logged-in user; ``visit`` is what the token against forged requests is bound to."""

    username: str
    fingerprint: str
    visit: str


@dataclass(frozen=True, slots=True)
class Seals:
    """Signs and reads cookies and tokens with the session secret."""

    secret: bytes = field(repr=False)

    def cookie(self, user: User, visit: str) -> str:
        """The cookie of a user who has just logged in."""
        return str(self._timed().dumps([user.username, fingerprint(user), visit]))

    def read(self, cookie: str | None) -> Session | None:
        """The session in a cookie; None if it is absent, altered or too old."""
        if not cookie:
            return None
        try:
            username, mark, visit = self._timed().loads(cookie, max_age=SESSION_S_MAX)
        except (BadSignature, ValueError, TypeError):
            return None
        return Session(str(username), str(mark), str(visit))

    def at_door(self, user: User, visit: str) -> str:
        """The cookie of somebody whose password was right and whose second factor is awaited."""
        return str(self._door().dumps([user.username, fingerprint(user), visit]))

    def read_door(self, cookie: str | None) -> Session | None:
        """Who waits at the door; None if the cookie is absent, altered or too old."""
        try:
            username, mark, visit = self._door().loads(cookie or "", max_age=DOOR_S_MAX)
        except (BadSignature, ValueError, TypeError):
            return None
        return Session(str(username), str(mark), str(visit))

    def step_up(self, visit: str) -> str:
        """The cookie of a visit whose user has just given their password again."""
        return str(self._stepped().dumps(visit))

    def is_stepped_up(self, cookie: str | None, visit: str) -> bool:
        """Whether the user of a visit gave their password again a short while ago."""
        try:
            found = self._stepped().loads(cookie or "", max_age=STEP_UP_S_MAX)
        except BadSignature:
            return False
        return bool(visit) and found == visit

    def token(self, visit: str) -> str:
        """The token that every form of a visit carries."""
        return str(self._plain().dumps(visit))

    def require_token(self, token: str, visit: str) -> None:
        """Return if the token belongs to the visit.

        Raises
        ------
        ForgedRequestError
            If it is absent, altered, or of another visit.
        """
        try:
            found = self._plain().loads(token)
        except BadSignature:
            found = None
        if not visit or found != visit:
            raise ForgedRequestError(
                "expected the token of this page with the form: load the page again and repeat"
            )

    def _timed(self) -> URLSafeTimedSerializer:
        return URLSafeTimedSerializer(self.secret, salt="harvestline/session/v1")

    def _door(self) -> URLSafeTimedSerializer:
        return URLSafeTimedSerializer(self.secret, salt="harvestline/door/v1")

    def _stepped(self) -> URLSafeTimedSerializer:
        return URLSafeTimedSerializer(self.secret, salt="harvestline/step-up/v1")

    def _plain(self) -> URLSafeSerializer:
        return URLSafeSerializer(self.secret, salt="harvestline/form/v1")


def visit_hash(visit: str) -> str:
    """By what a visit is kept: its secret stays in the cookie."""
    return hashlib.sha256(visit.encode()).hexdigest()


def fingerprint(user: User) -> str:
    """A mark that changes with the password or the role."""
    return hashlib.sha256(f"{user.password_hash}/{user.role.value}".encode()).hexdigest()[:24]


def load_secret(path: Path) -> bytes:
    """The session secret.

    Raises
    ------
    KeyFileError
        If the file is missing, short, or readable by others.
    """
    try:
        mode, secret = path.stat().st_mode, path.read_bytes().strip()
    except OSError as error:
        raise KeyFileError(f"expected the session secret at {path}: {error}") from error
    if mode & OTHERS_MASK:
        raise KeyFileError(f"{path} can be read by others: run chmod 600 on it")
    if len(secret) < SECRET_BYTES_MIN:
        raise KeyFileError(f"expected at least {SECRET_BYTES_MIN} bytes of secret in {path}")
    return secret


class Throttle:
    """After a few wrong passwords a name must wait; what it remembers is bounded.

    It counts by name and not by address, because a guesser has many addresses; a
    person who is kept out by somebody's guessing waits one minute.
    """

    def __init__(self, now_ms: Callable[[], int]) -> None:
        self._now_ms = now_ms
        self._wrong: OrderedDict[str, tuple[int, int]] = OrderedDict()
        self._lock = Lock()

    def take(self, name: str) -> int:
        """Take one try; how long this name must wait first [s], 0 if it may try now.

        A try counts as wrong from its beginning, else many at the same moment would all
        see that none was wrong yet: :meth:`right` forgets it, :meth:`give_back` takes it back.
        """
        now = self._now_ms()
        with self._lock:
            tries, last_ms = self._wrong.get(name, (0, 0))
            left_ms = last_ms + THROTTLE_MS - now
            if tries >= TRIES_MAX and left_ms > 0:
                return -(-left_ms // 1000)
            self._wrong.pop(name, None)
            self._wrong[name] = (tries + 1 if now - last_ms < THROTTLE_MS else 1, now)
            while len(self._wrong) > THROTTLED_NAMES_MAX:
                self._wrong.popitem(last=False)
        return 0

    def give_back(self, name: str) -> None:
        """Take a try back that was not wrong, and forget no other."""
        with self._lock:
            tries, last_ms = self._wrong.get(name, (0, 0))
            if tries:
                self._wrong[name] = (tries - 1, last_ms)

    def right(self, name: str) -> None:
        """Forget the wrong passwords of a name."""
        with self._lock:
            self._wrong.pop(name, None)
