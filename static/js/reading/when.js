/** The event's time, whatever zone the device is in; with its day unless that is today. */
export function when(date, timeZone, weekday = "short") {
  const day = (moment) => new Intl.DateTimeFormat("en-CA", { timeZone }).format(moment);
  const named = day(date) === day(new Date()) ? {} : { weekday };
  const format = { ...named, hour: "2-digit", minute: "2-digit", hourCycle: "h23", timeZone };
  return new Intl.DateTimeFormat(document.documentElement.lang, format).format(date);
}
