"""How a request and its copies move: transitions with their events, who is told, holds, the source an approval binds
to, waking workers."""
