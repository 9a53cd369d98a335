/** Merges patches of JSON (RFC 7396). Pure. */

/** A value of JSON. */
export type Json = string | number | boolean | null | Json[] | { [key: string]: Json };
export type JsonObject = { [key: string]: Json };

/**
 * Returns `target` with a patch applied (RFC 7396 section 2): null removes a member, an object is merged, every other value
 * replaces what was there. Changes neither of them.
 */
export function mergePatch(target: Json | undefined, patch: JsonObject): JsonObject {
  // Made by Object.fromEntries, which defines members: no key reaches a prototype.
  const merged = new Map(isObject(target) ? Object.entries(target) : []);
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) merged.delete(key);
    else merged.set(key, isObject(value) ? mergePatch(merged.get(key), value) : value);
  }
  return Object.fromEntries(merged);
}

function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
