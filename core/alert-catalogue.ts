/**
 * Every alert that allot raises: what it means, what is at stake, how to look, how to mend it, and what proves it gone.
 *
 * The one source of `allot alerts explain`, of docs/alerts.md and of the deadlines. A test holds that each code here is raised
 * somewhere, and that the page says the same.
 */
export const SEVERITIES = ['info', 'warning', 'error', 'critical'] as const;
export type Severity = (typeof SEVERITIES)[number];

export type AlertEntry = {
  /** As it is usually raised; a raiser may find it worse. */
  readonly severity: Severity;
  /** Hours in which somebody should have acted, where nothing of the alert itself says when. */
  readonly withinHours: number;
  readonly meaning: string;
  readonly impact: string;
  /** Commands and places to look at. */
  readonly check: string;
  readonly mend: string;
  /** What is read, and by whom, before it is closed. */
  readonly proof: string;
};

const entries = {
  'answer-unwritten': {
    severity: 'error',
    withinHours: 4,
    meaning:
      'The answer that a partner expects to an order (an 855, say) cannot be written. It is parked under its order.',
    impact: 'The partner waits; without an answer in the agreed time it may cancel the order or charge for it.',
    check:
      '`allot parked show ID`, which the next step names: the reason, the field that is missing, and what mends it.',
    mend: "Mend the partner's dialect or its item numbers: allot tries again by itself, or at once by `allot parked retry ID`. Or answer by hand at the partner, then `allot parked drop ID --reason TEXT`.",
    proof:
      'The documents worker, which tries within a quarter of an hour, has written and stored the answer; or somebody dropped it with a reason.',
  },
  'breaker-open': {
    severity: 'error',
    withinHours: 4,
    meaning: 'A platform has not answered so many calls in a row that allot asks it only now and then, with one call.',
    impact: 'Its channel shows its last numbers, and its orders come late; the other channels go on.',
    check:
      '`allot channels show CHANNEL` names the last error and the next probe; look at the status page of the platform.',
    mend: 'Wait where the platform is down: allot goes on by itself. Else mend what the last error names (address, network, certificate).',
    proof: 'The platform has answered a call, the probe or one that was under way.',
  },
  'cancel-rate': {
    severity: 'warning',
    withinHours: 24,
    meaning:
      'Of the orders of a channel in its window more were cancelled than 80 % of what the channel allows (then a warning), or than all of it (then critical).',
    impact:
      'A marketplace suspends accounts above its limit. Amazon allows less than 2.5 % of all orders cancelled by the seller before shipment over 7 days; Shopify and EDI partners have no limit but what `alerts.rates` says.',
    check:
      '`allot alerts --code oversold` for what was sold and is not there; the orders are named in the alert. What the buyer asked for does not count where the platform tells so (Amazon does); elsewhere it counts, and the rate of the platform may be lower.',
    mend: "Stop overselling first: raise the channel's buffer or safety stock, or lower its share, then `allot policy apply allot.yaml --reason TEXT`. Ship what can be shipped from elsewhere instead of cancelling.",
    proof: 'The sweep has counted the days of the window again and the rate is below 80 % of the limit.',
  },
  'channel-silent': {
    severity: 'error',
    withinHours: 1,
    meaning: 'A channel has not been read whole for much longer than its interval, or its order feed does not advance.',
    impact: 'Sales there are not known, and what it shows is not checked: the longer, the more is sold twice.',
    check: '`allot status` shows its last error and since when; look at the status page of the platform.',
    mend: 'Wait where the platform is down: allot tries by itself. Else mend what the last error names.',
    proof: 'A whole reconcile, and a step of the order feed, have succeeded since.',
  },
  'credential-refused': {
    severity: 'critical',
    withinHours: 1,
    meaning: 'The platform refuses our credential. allot has paused the channel.',
    impact: 'Nothing can be read from the channel or written to it: it goes on selling by its last numbers.',
    check: "`allot status`; the platform's own page of apps and tokens.",
    mend: 'Renew the secret in the environment, start anew, then `allot channels live CHANNEL`.',
    proof: 'The platform has answered a whole reconcile of the channel.',
  },
  'document-rejected': {
    severity: 'error',
    withinHours: 24,
    meaning: 'A partner refuses a document of ours (997, 855, 846).',
    impact: 'The partner does not have what the document said: an answer to an order, a receipt, or numbers.',
    check: '`allot documents list`; the cause repeats what the partner wrote.',
    mend: "Mend the partner's dialect as the reason says, and tell the partner which answers it misses.",
    proof: 'The partner has accepted a later document of ours, and refused none with it.',
  },
  drift: {
    severity: 'warning',
    withinHours: 4,
    meaning:
      'A reading of a channel found listings that show another number than they should, with nothing on its way. Some may be stopped: the cause says why, and what allot still does with them.',
    impact: 'A higher number may be sold twice; a lower one hides goods.',
    check:
      '`allot status --skus`; `allot explain SKU`. The cause says why: edited by hand, a second writer, a write that came late.',
    mend: 'As the next step says: it names the listing. Nothing while the channel is live and none is stopped: allot reads, compares and sends again. If it comes back, look for another app that writes stock.',
    proof: 'A whole reading of the channel found every mapped listing as it should be.',
  },
  'gate-fell-back': {
    severity: 'critical',
    withinHours: 1,
    meaning:
      'A live channel went back to shadow by itself: whole readings in a row found its numbers changed by somebody else, or it was silent while live for a part of its items.',
    impact: 'allot writes no number there any more: whoever else writes must, or it oversells.',
    check: '`allot channels show CHANNEL`: agreement by day, and the listings that differ most.',
    mend: 'Stop the other writer, or mend the mapping; then `allot channels live CHANNEL`. Or let the other one write: `allot channels leave CHANNEL`.',
    proof: 'A person has set the mode of the channel since.',
  },
  'held-back': {
    severity: 'info',
    withinHours: 72,
    meaning:
      'Listings show 0 although their program could be promised units: the rules of the channel (buffer, safety stock, share, hide, pack) keep all of them back.',
    impact: 'A phantom stock-out that the policy makes: goods that lie there cannot be bought on this channel.',
    check: '`allot explain SKU`: the step that ends in 0 is the one.',
    mend: 'If it is not meant so: lower the rule for these items or their group, then `allot policy apply allot.yaml --reason TEXT`. If it is: `allot alerts snooze ID --for 30d`.',
    proof: 'The sweep has read the targets again and finds no listing of the channel so.',
  },
  'input-parked': {
    severity: 'error',
    withinHours: 8,
    meaning: 'Input (orders, counts, documents) could not be taken and lies parked.',
    impact: 'A parked order holds no goods: they may be sold again, and nobody ships it.',
    check: '`allot parked list`, then `allot parked show ID`: field, reason and fix.',
    mend: 'Do what the fix says; most is then retried by itself, else `allot parked retry ID`. Forget what is meant to be forgotten: `allot parked drop ID --reason TEXT`.',
    proof: 'The sweep finds nothing parked of this channel and cause.',
  },
  'light-scan-slow': {
    severity: 'warning',
    withinHours: 24,
    meaning:
      'A channel has more listings than its platform lets allot look at within a period of the light scan (`intervals.lightScanPeriod`).',
    impact:
      'Each listing is still looked at, those not seen for longest and those with most at stake first; drift of the others is found as late as the title says.',
    check:
      '`allot channels show CHANNEL`: how many listings, how many a scan takes, how long a round is, when the oldest look was.',
    mend: 'Ask the platform for a higher rate (Shopify: a larger plan); unmap listings that are sold no more; or give the round its time, with a longer `intervals.lightScanPeriod`.',
    proof: 'A later light scan has counted the listings again: a round fits into the period.',
  },
  'late-shipment-rate': {
    severity: 'warning',
    withinHours: 24,
    meaning:
      'Of the orders of a channel in one of its windows, more were late than 80 % of what the channel allows (then a warning), or than all of it (then critical).',
    impact:
      'A marketplace suspends accounts above its limit. Amazon allows less than 4 % of all orders late, over 10 days and over 30; others what `alerts.rates` says.',
    check: '`allot alerts show ID` names orders that are late and still open.',
    mend: 'Ship those that are late first; confirm at the platform what has left already. Longer handling times stop new ones.',
    proof: 'The sweep has counted the days of the window again and the rate is below 80 % of the limit.',
  },
  'lot-aged': {
    severity: 'error',
    withinHours: 8,
    meaning: 'Units of a lot are promised to a program whose minimum remaining life they no longer reach.',
    impact: 'Shipped so, the retailer refuses them or charges for them; the orders are named in the alert.',
    check: '`allot lots show LOT`; `allot explain --order ORDER` for what else an order could have.',
    mend: '`allot reconfirm SKU` gives these orders units of another lot where there are any; or ship today, where the partner agrees.',
    proof: 'The sweep finds nobody who is promised units of the lot that are too old.',
  },
  'lot-expiring': {
    severity: 'warning',
    withinHours: 72,
    meaning: 'Units of a lot that may be sold expire soon, or have expired (then an error).',
    impact:
      'From its last day on nobody is promised any of it; before, programs with a minimum life drop out one by one.',
    check: '`allot lots show LOT` says where it lies, and which programs may still have it.',
    mend: 'Sell it first where its life still suffices; what has expired leaves by `allot inspect SKU UNITS --location PLACE --from sellable --to scrap --lot LOT`.',
    proof: 'The sweep finds nothing of the lot that may be sold and is about to expire.',
  },
  'lot-lacking': {
    severity: 'warning',
    withinHours: 8,
    meaning: 'More of a lot is promised at a place than is there: another lot was picked, or fewer were counted.',
    impact: 'The warehouse looks for units that are not there; the total of the item may still be right.',
    check: '`allot lots show LOT`: its open orders and what is on hand.',
    mend: '`allot reconfirm SKU` confirms the lines anew from the lots that are there; correct a wrong count with `allot count SKU UNITS --location PLACE --lot LOT --as-of now`.',
    proof: 'The sweep finds as much of the lot there as is promised of it.',
  },
  'notification-undelivered': {
    severity: 'error',
    withinHours: 4,
    meaning: 'Messages to a destination were tried as often as agreed and given up.',
    impact: 'Whoever reads there learns of nothing. This alert goes to all other destinations that its routes name.',
    check:
      '`allot alerts undelivered`; `allot alerts test DESTINATION` tries at once and says what the other side answers.',
    mend: 'Renew the address or the key of the destination, start anew, then `allot alerts test DESTINATION`.',
    proof: 'The destination has taken a later message.',
  },
  oversold: {
    severity: 'critical',
    withinHours: 4,
    meaning:
      'More of an item is promised to orders than there is, and no tolerance of their program covers it. As a warning: orders wait for units that are there, and that their rules keep from them.',
    impact: 'These orders cannot be shipped whole: late, cancelled or split, with what the platform charges for it.',
    check: '`allot explain SKU`; `allot alerts show ID` names the orders, with links where the platform has pages.',
    mend: '`allot reconfirm SKU --simulate` shows who gets what there is; without --simulate it does it. Or bring units: a count, a receipt, a reallocation.',
    proof: 'The sweep finds every order line of the item covered, and no place short.',
  },
  'phantom-stock-out': {
    severity: 'error',
    withinHours: 4,
    meaning:
      'A platform shows 0, or offers the listing not at all, although policy would let it sell, with nothing on its way.',
    impact: 'Sales are lost while goods lie there.',
    check:
      '`allot explain SKU`: should show, sent and shows; at the platform: is the listing active, tracked, suppressed?',
    mend: 'Mend the listing at the platform (activate it, switch stock tracking on), or what it refuses (`allot alerts --code push-rejected`).',
    proof: 'The platform was read again, and every such listing shows units or is no longer wanted.',
  },
  'policy-not-applied': {
    severity: 'warning',
    withinHours: 24,
    meaning: 'The daemon started with a configuration file that it did not apply: the policy in force stays.',
    impact: 'What the file says and what runs differ; somebody may rely on the file.',
    check: '`allot policy history`; `allot policy diff allot.yaml`.',
    mend: 'The next step says it: have it approved, correct it, or export the policy in force as the file.',
    proof: 'A policy was put in force that is what the file says, or a newer one by a person.',
  },
  'pool-low': {
    severity: 'warning',
    withinHours: 24,
    meaning: 'A program has little left of the units that are protected for it.',
    impact: 'Its next orders draw from what all share, or are short.',
    check: '`allot explain SKU`; `allot reallocate low`.',
    mend: 'The next step moves units from a pool that can spare them, for a time. A pool of one place is lifted by goods that come there; the cause says how many.',
    proof: 'The item was decided again, and its pool is at or above its threshold.',
  },
  'program-review-due': {
    severity: 'warning',
    withinHours: 168,
    meaning: 'The day by which the rules of a program were to be looked at again (`reviewBy`) has passed.',
    impact:
      'Its pools, routes and numbers may be those of a season that is over: they protect units that nobody wants, or too few.',
    check:
      "`allot policy show`: the program's pools, routes, buffers and shares; `allot explain SKU --pools` for what of them is drawn. The alert names the owner.",
    mend: 'Its owner reviews the rules. Then write what changes, and the next `reviewBy`, in allot.yaml, and `allot policy apply allot.yaml --reason TEXT` (with approval: propose it). Take `reviewBy` out where no review is wanted.',
    proof: 'The policy in force has a later day for the program, or none any more.',
  },
  'push-rejected': {
    severity: 'error',
    withinHours: 4,
    meaning: 'A platform refuses a number for some listings.',
    impact: 'They go on showing their last number: too high is sold twice, too low is not sold.',
    check: '`allot status`; `allot explain SKU`.',
    mend: 'What the platform named, at the listing. allot sends the number again, ever later, and parks it when that goes on: `allot parked list`.',
    proof: 'The platform has since taken, or shown, the number of every listing that it refused so.',
  },
  'receipt-overdue': {
    severity: 'warning',
    withinHours: 24,
    meaning: 'Documents of ours have had no receipt (997) for longer than agreed.',
    impact: 'Nobody knows whether the partner has them.',
    check: '`allot documents list`; the transport (SFTP, VAN, AS2).',
    mend: 'Ask the partner, and whoever carries the files. Numbers are sent anew by allot.',
    proof: 'No document waits longer than agreed for its receipt.',
  },
  'share-impossible': {
    severity: 'error',
    withinHours: 4,
    meaning:
      'A channel is live for a part of its items, and to its partner whatever a document leaves out counts as 0.',
    impact: 'No number is sent to the partner: it shows what it was told last.',
    check: '`allot channels show CHANNEL`.',
    mend: '`allot channels live CHANNEL --share 100%`, or back: `allot channels shadow CHANNEL`.',
    proof: 'A push found the channel live for all of its items.',
  },
  'supply-late': {
    severity: 'warning',
    withinHours: 24,
    meaning: 'Goods that were expected by a date have not come.',
    impact: 'Nothing is promised against them any more; orders that wait for them become shortages.',
    check: '`allot supply list`; `allot explain SKU --shortages` for who waits.',
    mend: 'Receive them if they came, move the date, or cancel what does not come: the next step has all three.',
    proof: 'Nothing of the supply is late any more: received, moved or cancelled.',
  },
  'work-failed': {
    severity: 'error',
    withinHours: 4,
    meaning:
      'A piece of work on a channel (its poll, reconcile, push or documents) fails, and not for want of an answer.',
    impact:
      'That work stands still: orders are not fetched, numbers not compared or documents not sent, as the title says.',
    check: 'The cause; the log of that moment has the rest.',
    mend: 'What the next step says where the platform refused; a defect is reported, with the log. allot tries again by itself.',
    proof: 'The same work has come to its end since.',
  },
} as const satisfies Readonly<Record<string, AlertEntry>>;

export type AlertCode = keyof typeof entries;

export const ALERT_CATALOGUE: Readonly<Record<AlertCode, AlertEntry>> = entries;

export const ALERT_CODES = Object.keys(entries) as readonly AlertCode[];

export const isAlertCode = (text: string): text is AlertCode => Object.hasOwn(entries, text);
