export const main = (payload) => ({ payload });
