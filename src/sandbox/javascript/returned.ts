/** Returns the object it is given, so that a class that extends it can put private fields on it. */
export const Returned = function (object: object) {
  return object;
} as unknown as new (object: object) => object; // a constructor that returns an object replaces `this`
