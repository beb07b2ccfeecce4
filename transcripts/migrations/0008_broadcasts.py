from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('transcripts', '0007_ends'),
    ]

    operations = [
        migrations.RenameField('part', 'opening', 'broadcast'),
        migrations.RenameField('roomstate', 'opening', 'broadcast'),
        migrations.RenameField('roomstate', 'hears', 'ready'),
        migrations.AlterField(
            model_name='part',
            name='broadcast',
            field=models.PositiveIntegerField(help_text='Parts of one broadcast share it: viewers see them as one.'),
        ),
        migrations.AlterField(
            model_name='roomstate',
            name='first_part',
            field=models.PositiveIntegerField(default=1, help_text="Number of the broadcast's first part."),
        ),
    ]
