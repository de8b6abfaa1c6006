import DequeModule
import NIOCore

/// The queued requests of a lane, in order of arrival. Any may be removed at any time.
struct RequestQueue {
    /// nil where one was removed; never at the front.
    private var places: Deque<ScheduledRequest?> = []
    /// The ticket of the first place.
    private var firstTicket = 0
    private(set) var count = 0
    /// The latest deadline so far. A request with an earlier one is out of order.
    private var latestEnd = NIODeadline.uptimeNanoseconds(0)
    /// Requests whose deadline is before that of an earlier request. They may have been removed.
    private var outOfOrder: Deque<ScheduledRequest> = []

    var isEmpty: Bool { count == 0 }

    var first: ScheduledRequest? { places.first ?? nil }

    mutating func append(_ request: ScheduledRequest) {
        request.ticket = firstTicket + places.count
        places.append(request)
        count += 1
        if request.waitsUntil >= latestEnd {
            latestEnd = request.waitsUntil
        } else {
            let index = outOfOrder.partitioningIndex { $0.waitsUntil <= request.waitsUntil }
            outOfOrder.insert(request, at: index)
            if outOfOrder.count > 2 * count + 64 { outOfOrder.removeAll { $0.ticket == nil } }
        }
    }

    mutating func popFirst() -> ScheduledRequest? {
        guard let request = first else { return nil }
        remove(request)
        return request
    }

    /// - Returns: Whether the request was in the queue.
    @discardableResult
    mutating func remove(_ request: ScheduledRequest) -> Bool {
        guard let ticket = request.ticket else { return false }
        request.ticket = nil
        places[ticket - firstTicket] = nil
        count -= 1
        while let place = places.first, place == nil {
            places.removeFirst()
            firstTicket += 1
        }
        if count == 0 {
            latestEnd = .uptimeNanoseconds(0)
            outOfOrder.removeAll()
        }
        return true
    }

    mutating func removeAll() -> [ScheduledRequest] {
        let requests = places.compactMap(\.self)
        for request in requests { request.ticket = nil }
        self = RequestQueue()
        return requests
    }

    /// Removes the requests whose wait has timed out.
    mutating func removeExpired(_ now: NIODeadline) -> [ScheduledRequest] {
        var expired: [ScheduledRequest] = []
        while let request = first, request.waitsUntil <= now {
            remove(request)
            expired.append(request)
        }
        while let request = outOfOrder.last, request.ticket == nil || request.waitsUntil <= now {
            outOfOrder.removeLast()
            if remove(request) { expired.append(request) }
        }
        return expired
    }

    /// The next timeout, or an earlier time.
    var nextEnd: NIODeadline? {
        guard let first else { return nil }
        return min(first.waitsUntil, outOfOrder.last?.waitsUntil ?? first.waitsUntil)
    }
}

extension RandomAccessCollection where Index == Int {
    /// The first index whose element satisfies a condition that holds from there on.
    fileprivate func partitioningIndex(where condition: (Element) -> Bool) -> Int {
        var (low, high) = (0, count)
        while low < high {
            let middle = (low + high) / 2
            if condition(self[middle]) { high = middle } else { low = middle + 1 }
        }
        return low
    }
}
