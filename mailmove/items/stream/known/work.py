"""Properties of tasks, task requests, notes and journal entries.

Sources: MS-OXOTASK, MS-OXONOTE and MS-OXOJRNL, each section 2.2.
"""

from __future__ import annotations

from mailmove.items.stream.properties import LOG, NOTE, TASK, lids

TASKS = lids(TASK, """
    8101 INTEGER32 TaskStatus
    8102 FLOATING64 PercentComplete
    8103 BOOLEAN TeamTask
    8104 TIME TaskStartDate
    8105 TIME TaskDueDate
    8107 BOOLEAN TaskResetReminder
    8108 BOOLEAN TaskAccepted
    8109 BOOLEAN TaskDeadOccurrence
    810F TIME TaskDateCompleted
    8110 INTEGER32 TaskActualEffort
    8111 INTEGER32 TaskEstimatedEffort
    8112 INTEGER32 TaskVersion
    8113 INTEGER32 TaskState
    8115 TIME TaskLastUpdate
    8116 BINARY TaskRecurrence
    8117 BINARY TaskAssigners
    8119 BOOLEAN TaskStatusOnComplete
    811A INTEGER32 TaskHistory
    811B BOOLEAN TaskUpdates
    811C BOOLEAN TaskComplete
    811E BOOLEAN TaskFCreator
    811F STRING TaskOwner
    8120 INTEGER32 TaskMultipleRecipients
    8121 STRING TaskAssigner
    8122 STRING TaskLastUser
    8123 INTEGER32 TaskOrdinal
    8124 BOOLEAN TaskNoCompute
    8125 STRING TaskLastDelegate
    8126 BOOLEAN TaskFRecurring
    8127 STRING TaskRole
    8129 INTEGER32 TaskOwnership
    812A INTEGER32 TaskAcceptanceState
    812C BOOLEAN TaskFFixOffline
    8139 INTEGER32 TaskCustomFlags
""")  # fmt: skip

NOTES = lids(NOTE, """
    8B00 INTEGER32 NoteColor
    8B02 INTEGER32 NoteWidth
    8B03 INTEGER32 NoteHeight
    8B04 INTEGER32 NoteX
    8B05 INTEGER32 NoteY
""")  # fmt: skip

JOURNAL = lids(LOG, """
    8700 STRING LogType
    8706 TIME LogStart
    8707 INTEGER32 LogDuration
    8708 TIME LogEnd
    870C INTEGER32 LogFlags
    870E BOOLEAN LogDocumentPrinted
    870F BOOLEAN LogDocumentSaved
    8710 BOOLEAN LogDocumentRouted
    8711 BOOLEAN LogDocumentPosted
    8712 STRING LogTypeDesc
""")  # fmt: skip
