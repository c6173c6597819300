"""Stop strings: tokens are held back while their text may turn out to be part of one."""

from dataclasses import replace

from server.generators.generator import Token


class StopStrings:
    """Passes the tokens of one response through, up to the first stop string in their text."""

    def __init__(self, stop: tuple[str, ...]) -> None:
        self._stop = tuple(filter(None, stop))
        self._held: list[Token] = []
        self.stopped = False

    def push(self, token: Token) -> list[Token]:
        """Take one token; return those that are certain now, in order.

        The tokens that spell the stop string are returned as well, without that text: they were
        generated, so they count.
        """
        self._held.append(token)
        text = "".join(held.text for held in self._held)
        starts = [text.find(stop) for stop in self._stop if stop in text]
        if starts:
            self.stopped = True
            return self._cut(min(starts))
        return self._certain(len(text) - self._open_suffix(text))

    def flush(self) -> list[Token]:
        """What is still held when the response ends otherwise."""
        held, self._held = self._held, []
        return held

    def _open_suffix(self, text: str) -> int:
        """Length of the longest end of ``text`` with which a stop string begins."""
        longest = max((len(stop) for stop in self._stop), default=1) - 1
        for length in range(min(longest, len(text)), 0, -1):
            if any(stop.startswith(text[-length:]) for stop in self._stop):
                return length
        return 0

    def _certain(self, length: int) -> list[Token]:
        """Release the tokens that lie within the first ``length`` characters of what is held."""
        released = 0
        for token in self._held:
            if len(token.text) > length:
                break
            length -= len(token.text)
            released += 1
        certain, self._held = self._held[:released], self._held[released:]
        return certain

    def _cut(self, length: int) -> list[Token]:
        """Release everything, with the text after ``length`` characters taken away."""
        cut = []
        for token in self.flush():
            cut.append(replace(token, text=token.text[:length]))
            length -= len(cut[-1].text)
        return cut
