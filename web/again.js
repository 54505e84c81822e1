/** One look at a time: whoever asks for another meanwhile gets one more when it is over, not two. */
export function oneByOne(look) {
  let looking = false;
  let again = false;
  return async function next() {
    if (looking) {
      again = true;
      return;
    }
    looking = true;
    try {
      await look();
    } catch {
      // the next look will do
    } finally {
      looking = false;
      if (again) {
        again = false;
        next();
      }
    }
  };
}
