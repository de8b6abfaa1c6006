import DequeModule

/// What waits for its turn, first come first served. Whoever joins gets a ticket, and may leave with it at any time.
///
/// A ticket is worth nothing once its holder is out of the line, and must be forgotten then: ``prepend(_:)`` may give it
/// out again.
package struct WaitingLine<Element> {
    package typealias Ticket = Int

    /// Nil where somebody has left; never in front.
    private var places: Deque<Element?> = []
    /// The ticket of the first place.
    private var firstTicket: Ticket = 0
    /// How many wait.
    package private(set) var count = 0

    package init() {}

    package var isEmpty: Bool { count == 0 }

    /// Whose turn is next.
    package var first: Element? { places.first ?? nil }

    package mutating func append(_ element: Element) -> Ticket {
        places.append(element)
        count += 1
        return firstTicket + places.count - 1
    }

    package mutating func prepend(_ element: Element) -> Ticket {
        places.prepend(element)
        firstTicket -= 1
        count += 1
        return firstTicket
    }

    package mutating func popFirst() -> Element? {
        guard let element = first else { return nil }
        _ = remove(firstTicket)
        return element
    }

    /// Takes out who holds the ticket; nil if he isn't in line any more.
    package mutating func remove(_ ticket: Ticket) -> Element? {
        let index = ticket - firstTicket
        guard places.indices.contains(index), let element = places[index] else { return nil }
        places[index] = nil
        count -= 1
        while let place = places.first, place == nil {
            places.removeFirst()
            firstTicket += 1
        }
        return element
    }

    /// Takes out everybody.
    package mutating func removeAll() -> [Element] {
        defer {
            // Tickets given out before must not be valid again.
            firstTicket += places.count
            places.removeAll()
            count = 0
        }
        return places.compactMap(\.self)
    }
}
