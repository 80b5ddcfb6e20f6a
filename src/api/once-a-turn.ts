/**
 * What `make` gives, made at most once in a turn of the event loop, so that an answer may be as old as the turn. A node
 * that many watch is asked the same by dozens of them in one.
 */
export function onceATurn<T>(make: () => T): () => T {
  let made: { readonly value: T } | undefined;
  const forget = () => {
    made = undefined;
  };
  return () => {
    if (made === undefined) {
      made = { value: make() };
      setImmediate(forget);
    }
    return made.value;
  };
}
